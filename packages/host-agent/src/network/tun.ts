/** Access to TAP devices for VMMs, which are not root. */
import { chmod, stat } from "node:fs/promises";
import { WrennError } from "@wrenn/protocol/errors";

const DEVICE = "/dev/net/tun";

/** The mode that udev gives the device on ordinary boxes: a user can only attach to a TAP that was made for it. */
const MODE = 0o666;

/** @throws unsupported_platform when the kernel has no TAP devices */
export async function openTunToVmms(): Promise<void> {
  const found = await stat(DEVICE).catch(() => undefined);
  if (found === undefined) {
    throw new WrennError("unsupported_platform", `${DEVICE} does not exist: load the kernel module "tun"`);
  }
  if ((found.mode & MODE) !== MODE) await chmod(DEVICE, MODE);
}

/** The last step of setup: the snapshot of the default template in its default shape. */
import { DEFAULT_TEMPLATE, LIMITS } from "@wrenn/protocol/limits";
import type { HostConfig } from "../config.ts";
import { createHostContext } from "../context.ts";

/** True when it had to be made. @throws boot_timeout, vmm_failed, and what `createHostContext` throws */
export async function prepareDefaultTemplate(config: HostConfig): Promise<boolean> {
  const host = await createHostContext({ ...config, slotPool: 0 });
  const shape = { vcpus: LIMITS.vcpus.default, memoryMb: LIMITS.memoryMb.default };
  const template = await host.templates.ensure(DEFAULT_TEMPLATE, shape);
  return template.fresh;
}

/** Whether this host can run VMs in hardware. A `/dev/kvm` alone proves nothing: it exists on hosts whose CPU cannot. */
import { constants } from "node:fs";
import { open, readFile } from "node:fs/promises";

export interface AcceleratorChoice {
  readonly accelerator: "kvm" | "tcg";
  /** why, for people */
  readonly reason: string;
}

/** "vmx" (Intel) or "svm" (AMD) when the text of /proc/cpuinfo has the flag. */
export function virtualisationFlag(cpuinfo: string): "vmx" | "svm" | undefined {
  const flags = /^flags\s*:(.*)$/m.exec(cpuinfo)?.[1]?.split(" ") ?? [];
  if (flags.includes("vmx")) return "vmx";
  return flags.includes("svm") ? "svm" : undefined;
}

export async function detectAccelerator(): Promise<AcceleratorChoice> {
  const flag = virtualisationFlag(await readFile("/proc/cpuinfo", "utf8"));
  if (flag === undefined) {
    return { accelerator: "tcg", reason: "the CPU shows neither vmx nor svm: software emulation is used" };
  }
  try {
    await (await open("/dev/kvm", constants.O_RDWR)).close();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return { accelerator: "tcg", reason: `the CPU has ${flag}, but /dev/kvm does not open (${code})` };
  }
  return { accelerator: "kvm", reason: `the CPU has ${flag} and /dev/kvm opens` };
}

/** The guest kernel's command line. */

export interface KernelArgsInputs {
  readonly accelerator: "kvm" | "tcg";
  /** frequency of the host's time stamp counter, which under emulation is also the guest's */
  readonly tscKhz: number;
}

export function kernelArgs({ accelerator, tscKhz }: KernelArgsInputs): string[] {
  const common = [
    "console=ttyS0",
    "quiet",
    "reboot=t",
    "panic=-1",
    // Freed pages become zero, so a snapshot neither stores nor leaks them.
    "init_on_free=1",
  ];
  if (accelerator === "kvm") return common;
  return [
    ...common,
    // The microVM has no timer to calibrate the TSC with under emulation: a quarter of all boots hang without these.
    `tsc_early_khz=${tscKhz}`,
    "tsc=reliable",
    // They guard against a CPU that is not there, and cost a flush of translated pages at every system call.
    "mitigations=off",
    // The emulator throws the code away that a JIT made.
    "wrenn.jitless=1",
  ];
}

/** What a VMM on this host can do; drivers differ here and nowhere else. */
export interface Capabilities {
  readonly vmm: "qemu" | "cloud-hypervisor";
  readonly version: string;
  readonly accelerator: "kvm" | "tcg";
  /** template memory is opened read-only, so no VMM can change what its siblings map */
  readonly readonlyTemplates: boolean;
  /** everything about the VMM that a memory snapshot depends on */
  readonly snapshotFormat: string;
}

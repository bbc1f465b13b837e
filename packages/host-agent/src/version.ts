/** Reported to the control plane and in every capsule's metadata. */
export const AGENT_VERSION = "0.1.0";

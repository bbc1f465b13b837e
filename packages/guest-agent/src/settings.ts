/** Who this machine is and how its processes start: set by `/init`, read at every start. */
import type { GuestInit } from "@wrenn/protocol/guest-http";

export interface Settings {
  readonly sandboxId: string;
  readonly templateId: string;
  readonly envVars: Readonly<Record<string, string>>;
  readonly defaultUser: string;
  /** absolute path; the user's home when undefined */
  readonly defaultWorkdir: string | undefined;
}

export const INITIAL_SETTINGS: Settings = {
  sandboxId: "",
  templateId: "",
  envVars: {},
  defaultUser: "root",
  defaultWorkdir: undefined,
};

/** The settings after an init: what it does not name stays. */
export function applyInit(current: Settings, init: GuestInit): Settings {
  return {
    sandboxId: init.sandboxId ?? current.sandboxId,
    templateId: init.templateId ?? current.templateId,
    envVars: init.envVars ?? current.envVars,
    defaultUser: init.defaultUser ?? current.defaultUser,
    defaultWorkdir: init.defaultWorkdir ?? current.defaultWorkdir,
  };
}

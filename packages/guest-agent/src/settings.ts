/** Who this machine is and how its processes start: set by `/init`, read at every start. */
import type { GuestInit } from "@wrenn/protocol/guest-http";

export interface Settings {
  /** which restore of the capsule this is; 0 in a machine that has not been one */
  readonly generation: number;
  readonly sandboxId: string;
  readonly templateId: string;
  /** what opens the agent to others than the host's control; undefined before the first init, and then nothing does */
  readonly accessToken: string | undefined;
  readonly envVars: Readonly<Record<string, string>>;
  readonly defaultUser: string;
  /** absolute path; the user's home when undefined */
  readonly defaultWorkdir: string | undefined;
}

export const INITIAL_SETTINGS: Settings = {
  generation: 0,
  sandboxId: "",
  templateId: "",
  accessToken: undefined,
  envVars: {},
  defaultUser: "root",
  defaultWorkdir: undefined,
};

/**
 * Whether the init begins another life of a capsule: a resume, a rollback or a copy. The first one of a machine that was no
 * capsule before does not: it comes from a template, where nothing but the agent ever ran.
 */
export function beginsAnotherLife(current: Settings, init: GuestInit): boolean {
  if (current.generation === 0) return false;
  const { sandboxId, generation } = applyInit(current, init);
  return sandboxId !== current.sandboxId || generation !== current.generation;
}

/** The settings after an init: what it does not name stays. */
export function applyInit(current: Settings, init: GuestInit): Settings {
  return {
    generation: init.generation ?? current.generation,
    sandboxId: init.sandboxId ?? current.sandboxId,
    templateId: init.templateId ?? current.templateId,
    accessToken: init.accessToken ?? current.accessToken,
    envVars: init.envVars ?? current.envVars,
    defaultUser: init.defaultUser ?? current.defaultUser,
    defaultWorkdir: init.defaultWorkdir ?? current.defaultWorkdir,
  };
}

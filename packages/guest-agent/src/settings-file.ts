/**
 * The settings outlive the agent, in memory: one that was killed and started again would know neither token nor variables until
 * the next restore.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { INITIAL_SETTINGS, type Settings } from "./settings.ts";

const FILE = "run/wrenn/agent-settings.json";

/** @param root folder that stands for `/` */
export function saveSettings(root: string, settings: Settings): void {
  writeFileSync(join(root, FILE), JSON.stringify(settings), { mode: 0o600 });
}

/** What was saved last; the initial settings where nothing was. */
export function loadSettings(root: string): Settings {
  try {
    return { ...INITIAL_SETTINGS, ...(JSON.parse(readFileSync(join(root, FILE), "utf8")) as Settings) };
  } catch {
    return INITIAL_SETTINGS;
  }
}

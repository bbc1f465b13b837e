/** What `doctor` checks of the instance itself: its folder, its first snapshot, its servers and their database. */

import type { Check, CheckResult } from "@wrenn/host-agent/setup/checks";
import { WrennError } from "@wrenn/protocol/errors";
import { closedFolderAbove, type Instance, localApiClient } from "./instance.ts";
import { findSupervisor } from "./supervisor/state.ts";

export function instanceChecks(instance: Instance): Check[] {
  return [
    { id: "state-folder", title: "State folder", run: () => checkStateFolder(instance) },
    { id: "template", title: "Snapshot of the default template", run: () => checkTemplate(instance) },
    { id: "servers", title: "Servers and database", run: () => checkServers(instance) },
  ];
}

async function checkStateFolder({ layout }: Instance): Promise<CheckResult> {
  const closed = closedFolderAbove(layout.dir);
  if (closed === undefined) return { status: "ok", detail: layout.dir };
  const detail = `${closed} is closed to the database's user`;
  return { status: "warning", detail, fix: "Choose another WRENN_DIR, or set DATABASE_URL." };
}

async function checkTemplate({ config }: Instance): Promise<CheckResult> {
  const { hasDefaultTemplate } = await import("@wrenn/host-agent/prepare");
  try {
    if (await hasDefaultTemplate(config)) return { status: "ok", detail: "there" };
    return { status: "warning", detail: "not made yet", fix: "`wrenn setup` makes it; else the first create does." };
  } catch (error) {
    const known = WrennError.from(error);
    return { status: "failed", detail: known.message, fix: known.spec.suggestion ?? "Run `wrenn setup`." };
  }
}

async function checkServers(instance: Instance): Promise<CheckResult> {
  if ((await findSupervisor(instance.layout)) === undefined) return { status: "ok", detail: "not started" };
  try {
    const capsules = await localApiClient(instance).list();
    return { status: "ok", detail: `the API answers; capsules: ${capsules.length}` };
  } catch (error) {
    return { status: "failed", detail: WrennError.from(error).message, fix: "`wrenn logs` shows why." };
  }
}

/** All routes of the API. */

import { createCheckpoint } from "./capsules/checkpoints-create.ts";
import { deleteCheckpoint } from "./capsules/checkpoints-delete.ts";
import { listCheckpoints } from "./capsules/checkpoints-list.ts";
import { getConsole } from "./capsules/console.ts";
import { createCapsule } from "./capsules/create.ts";
import { destroyCapsule } from "./capsules/destroy.ts";
import { execCapsule } from "./capsules/exec.ts";
import { forkCapsule } from "./capsules/fork.ts";
import { getCapsule } from "./capsules/get.ts";
import { listCapsules } from "./capsules/list.ts";
import { pauseCapsule } from "./capsules/pause.ts";
import { pingCapsule } from "./capsules/ping.ts";
import { resumeCapsule } from "./capsules/resume.ts";
import { rollbackCapsule } from "./capsules/rollback.ts";
import { health } from "./health.ts";
import { metrics } from "./metrics.ts";
import type { Route } from "./route.ts";
import { createSnapshot } from "./snapshots/create.ts";
import { deleteSnapshot } from "./snapshots/delete.ts";
import { listSnapshots } from "./snapshots/list.ts";

/** Routes that need no API key. */
export const PUBLIC_ROUTES: readonly Route[] = [health, metrics];

/** Routes that need an API key. */
export const TEAM_ROUTES: readonly Route[] = [
  createCapsule,
  listCapsules,
  getCapsule,
  destroyCapsule,
  pauseCapsule,
  resumeCapsule,
  pingCapsule,
  forkCapsule,
  execCapsule,
  getConsole,
  createCheckpoint,
  listCheckpoints,
  deleteCheckpoint,
  rollbackCapsule,
  createSnapshot,
  listSnapshots,
  deleteSnapshot,
];

/** All routes of the API. */

import { getConsole } from "./capsules/console.ts";
import { createCapsule } from "./capsules/create.ts";
import { destroyCapsule } from "./capsules/destroy.ts";
import { execCapsule } from "./capsules/exec.ts";
import { getCapsule } from "./capsules/get.ts";
import { listCapsules } from "./capsules/list.ts";
import { health } from "./health.ts";
import type { Route } from "./route.ts";

/** Routes that anyone may call. */
export const PUBLIC_ROUTES: readonly Route[] = [health];

/** Routes that need an API key. */
export const TEAM_ROUTES: readonly Route[] = [
  createCapsule,
  listCapsules,
  getCapsule,
  destroyCapsule,
  execCapsule,
  getConsole,
];

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
import { downloadFile } from "./files/download.ts";
import { listFiles } from "./files/list.ts";
import { makeFolder } from "./files/mkdir.ts";
import { moveFile } from "./files/move.ts";
import { readFile, streamReadFile } from "./files/read.ts";
import { removeFile } from "./files/remove.ts";
import { statFile } from "./files/stat.ts";
import { uploadFile } from "./files/upload.ts";
import { streamWriteFile, writeFile } from "./files/write.ts";
import { health } from "./health.ts";
import { metrics } from "./metrics.ts";
import { listPorts } from "./ports/list.ts";
import { killProcess } from "./processes/kill.ts";
import { listProcesses } from "./processes/list.ts";
import { ready } from "./ready.ts";
import type { Route } from "./route.ts";
import { createSnapshot } from "./snapshots/create.ts";
import { deleteSnapshot } from "./snapshots/delete.ts";
import { listSnapshots } from "./snapshots/list.ts";
import { execStream } from "./streams/exec.ts";
import { fileWatchStream } from "./streams/files-watch.ts";
import { portWatchStream } from "./streams/ports-watch.ts";
import { processStream } from "./streams/process.ts";
import { ptyStream } from "./streams/pty.ts";

/** Routes that need no API key. */
export const PUBLIC_ROUTES: readonly Route[] = [health, ready, metrics];

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
  listProcesses,
  killProcess,
  listFiles,
  statFile,
  makeFolder,
  moveFile,
  removeFile,
  readFile,
  streamReadFile,
  downloadFile,
  listPorts,
];

/** Routes that need an API key and take a body that is no JSON: they read it themselves, as a stream. */
export const UPLOAD_ROUTES: readonly Route[] = [writeFile, streamWriteFile, uploadFile];

/** WebSockets: a client without a header says who it is in its first message. */
export const STREAM_ROUTES: readonly Route[] = [execStream, processStream, ptyStream, fileWatchStream, portWatchStream];

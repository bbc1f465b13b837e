/** All routes of the API. Whom each is for it says itself. */

import { listPlatformAudit } from "./admin/audit.ts";
import { offerCapsule } from "./admin/capsules-offer.ts";
import { forPlatform } from "./admin/for-platform.ts";
import { listAdminJobs } from "./admin/jobs-list.ts";
import { retryAdminJob } from "./admin/jobs-retry.ts";
import { setTeamByoc } from "./admin/teams-byoc.ts";
import { deleteAnyTeam } from "./admin/teams-delete.ts";
import { listAllTeams } from "./admin/teams-list.ts";
import { setTeamOwner } from "./admin/teams-owner.ts";
import { setTeamQuotas } from "./admin/teams-quotas.ts";
import { deletePlatformTemplate } from "./admin/templates-delete.ts";
import { listAllTemplates } from "./admin/templates-list.ts";
import { setUserActive } from "./admin/users-active.ts";
import { setUserAdmin } from "./admin/users-admin.ts";
import { listAllUsers } from "./admin/users-list.ts";
import { createApiKey } from "./api-keys/create.ts";
import { listApiKeys } from "./api-keys/list.ts";
import { revokeApiKey } from "./api-keys/revoke.ts";
import { listAudit } from "./audit/list.ts";
import { activateAccount } from "./auth/activate.ts";
import { login } from "./auth/login.ts";
import { logout } from "./auth/logout.ts";
import { signup } from "./auth/signup.ts";
import { switchTeam } from "./auth/switch-team.ts";
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
import { getMetrics } from "./capsules/metrics.ts";
import { pauseCapsule } from "./capsules/pause.ts";
import { pingCapsule } from "./capsules/ping.ts";
import { resumeCapsule } from "./capsules/resume.ts";
import { rollbackCapsule } from "./capsules/rollback.ts";
import { configureChannel } from "./channels/configure.ts";
import { createChannel } from "./channels/create.ts";
import { deleteChannel } from "./channels/delete.ts";
import { listDeliveries } from "./channels/deliveries.ts";
import { getChannel } from "./channels/get.ts";
import { listChannels } from "./channels/list.ts";
import { resendDelivery } from "./channels/resend.ts";
import { testChannel } from "./channels/test.ts";
import { updateChannel } from "./channels/update.ts";
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
import { createHost } from "./hosts/create.ts";
import { deleteHost } from "./hosts/delete.ts";
import { previewHostDeletion } from "./hosts/delete-preview.ts";
import { drainHost } from "./hosts/drain.ts";
import { getHost } from "./hosts/get.ts";
import { heartbeatHost } from "./hosts/heartbeat.ts";
import { listHosts } from "./hosts/list.ts";
import { refreshHost } from "./hosts/refresh.ts";
import { registerHost } from "./hosts/register.ts";
import { addHostTag } from "./hosts/tags-add.ts";
import { listHostTags } from "./hosts/tags-list.ts";
import { removeHostTag } from "./hosts/tags-remove.ts";
import { createHostToken } from "./hosts/token.ts";
import { acceptInvitation } from "./invitations/accept.ts";
import { declineInvitation } from "./invitations/decline.ts";
import { listOwnInvitations } from "./invitations/list.ts";
import { deleteMe } from "./me/delete.ts";
import { getMe } from "./me/get.ts";
import { changePassword } from "./me/password-change.ts";
import { confirmReset, requestReset } from "./me/password-reset.ts";
import { connectProvider, disconnectProvider } from "./me/providers.ts";
import { endMySession, listMySessions } from "./me/sessions.ts";
import { updateMe } from "./me/update.ts";
import { metrics } from "./metrics.ts";
import { finishOAuth } from "./oauth/callback.ts";
import { startOAuth } from "./oauth/start.ts";
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
import { createTeam } from "./teams/create.ts";
import { deleteTeam } from "./teams/delete.ts";
import { getTeam } from "./teams/get.ts";
import { cancelInvitation } from "./teams/invitations-cancel.ts";
import { listInvitations } from "./teams/invitations-list.ts";
import { leaveTeam } from "./teams/leave.ts";
import { listTeams } from "./teams/list.ts";
import { inviteMember } from "./teams/members-invite.ts";
import { listMembers } from "./teams/members-list.ts";
import { removeMember } from "./teams/members-remove.ts";
import { setMemberRole } from "./teams/members-role.ts";
import { renameTeam } from "./teams/rename.ts";
import { transferTeam } from "./teams/transfer.ts";
import { getQuotas } from "./usage/quotas.ts";
import { getStats } from "./usage/stats.ts";
import { getUsage } from "./usage/usage.ts";
import { searchUsers } from "./users/search.ts";

const PUBLIC_ROUTES: readonly Route[] = [health, ready, metrics];

/** Routes about the account of whoever asks. */
const ACCOUNT_ROUTES: readonly Route[] = [
  signup,
  activateAccount,
  login,
  logout,
  switchTeam,
  getMe,
  updateMe,
  deleteMe,
  changePassword,
  requestReset,
  confirmReset,
  listMySessions,
  endMySession,
  connectProvider,
  disconnectProvider,
  startOAuth,
  finishOAuth,
  searchUsers,
];

/** Capsules and snapshots: for API keys and members of the team. */
const TEAM_ROUTES: readonly Route[] = [
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
  getStats,
  getUsage,
  getMetrics,
  getQuotas,
];

/** Routes for whoever is signed in, and for administrators: teams, their keys, what was done. */
const SESSION_ROUTES: readonly Route[] = [
  listTeams,
  createTeam,
  getTeam,
  renameTeam,
  deleteTeam,
  listMembers,
  inviteMember,
  setMemberRole,
  removeMember,
  leaveTeam,
  transferTeam,
  listInvitations,
  cancelInvitation,
  listOwnInvitations,
  acceptInvitation,
  declineInvitation,
  listApiKeys,
  createApiKey,
  revokeApiKey,
  listAudit,
  listAllTeams,
  setTeamByoc,
  setTeamOwner,
  setTeamQuotas,
  deleteAnyTeam,
  listAllUsers,
  setUserActive,
  setUserAdmin,
  listPlatformAudit,
  listAllTemplates,
  deletePlatformTemplate,
];

/** Routes for members of a team who are signed in. */
const MEMBER_ROUTES: readonly Route[] = [
  createChannel,
  listChannels,
  testChannel,
  getChannel,
  updateChannel,
  deleteChannel,
  configureChannel,
  listDeliveries,
  resendDelivery,
];

/** Routes for administrators of the platform. */
const ADMIN_ROUTES: readonly Route[] = [listAdminJobs, retryAdminJob, offerCapsule];

/** Of those for capsules the ones that administrators need for the capsules of the platform's own team. */
const PLATFORM_CAPSULE_ROUTES: readonly Route[] = [
  createCapsule,
  listCapsules,
  getCapsule,
  destroyCapsule,
  execCapsule,
  readFile,
  listFiles,
  makeFolder,
  removeFile,
  getMetrics,
  listProcesses,
  killProcess,
].map(forPlatform);

/** Hosts, and what they ask for themselves. */
const HOST_ROUTES: readonly Route[] = [
  createHost,
  listHosts,
  getHost,
  deleteHost,
  previewHostDeletion,
  createHostToken,
  drainHost,
  listHostTags,
  addHostTag,
  removeHostTag,
  registerHost,
  refreshHost,
  heartbeatHost,
];

/** Those that take no body, or one that is JSON. */
export const JSON_ROUTES: readonly Route[] = [
  ...PUBLIC_ROUTES,
  ...ACCOUNT_ROUTES,
  ...TEAM_ROUTES,
  ...SESSION_ROUTES,
  ...MEMBER_ROUTES,
  ...ADMIN_ROUTES,
  ...PLATFORM_CAPSULE_ROUTES,
  ...HOST_ROUTES,
];

/** Those whose body is not JSON: they read it themselves, as a stream. */
export const UPLOAD_ROUTES: readonly Route[] = [writeFile, streamWriteFile, uploadFile, forPlatform(writeFile)];

/** WebSockets: a client without a header says who it is in its first message. */
export const STREAM_ROUTES: readonly Route[] = [
  execStream,
  processStream,
  ptyStream,
  fileWatchStream,
  portWatchStream,
  ...[execStream, processStream, ptyStream].map(forPlatform),
];

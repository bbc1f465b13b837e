/** For each route a request that succeeds when somebody sends it who may. A new route adds its line. */
import { randomUUID } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { newCertificateRequest } from "@wrenn/host-agent/enrolment/request";
import { idFromUuid } from "@wrenn/protocol/ids";
import { addHost, byocTeam, enrolHost, knownHost } from "./hosts-of-team.ts";
import { newEmail, PASSWORD } from "./people.ts";
import {
  addDeadDelivery,
  addFailedJob,
  addGithubAccount,
  addMailToken,
  addNewcomer,
  addSession,
  setPassword,
  userWithEmail,
} from "./rows.ts";
import type { World } from "./world.ts";

/** What the request is about. */
export interface Target {
  readonly path?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  /**
   * id or name that the audit log has for it, where it is not `:id` of the path; `*` is one that the answer tells, and a
   * function finds afterwards one that nobody is told
   */
  readonly resource?: string | (() => Promise<string>);
  /** wire id of the user who is the actor in the audit log, where nobody is signed in before */
  readonly actor?: string;
  /** it is about what the team brought to the platform: its admins may do it, and it is in the team's log */
  readonly ofTeam?: true;
  /** it is in the platform's log, because nobody reads the team's any more */
  readonly ofPlatform?: true;
  /** headers of a host, on routes that are for hosts */
  readonly host?: Readonly<Record<string, string>>;
  /** that the audit log has, where it is not the one that the route declares */
  readonly action?: string;
}

export interface RouteCase {
  readonly target: (world: World) => Promise<Target>;
  /** the statuses for who comes from elsewhere and whom the guard lets through; 404 when absent */
  readonly foreign?: number;
  /** statuses that differ from the rule, by caller, whether the guard lets them through or not */
  readonly except?: Readonly<Record<string, number>>;
}

const nothing: RouteCase = { target: async () => ({}), foreign: 200 };

const ofOwner = (world: World) => world.capsule();
const ofPlatform = async ({ platform }: World) => (await platform.createCapsule({ memory_mb: 192 })).id;

/** About a new capsule of the team. */
function capsule(
  more: (world: World, id: string) => Promise<Target> = async () => ({}),
  make: (world: World) => Promise<string> = ofOwner,
): RouteCase {
  return {
    target: async (world) => {
      const id = await make(world);
      const target = await more(world, id);
      return { ...target, path: { id, ...target.path } };
    },
  };
}

/** About a new file of a capsule; `at` is where its path stands. */
function file(
  at: "body" | "form" | "query",
  more: Readonly<Record<string, string>> = {},
  fresh = false,
  make = ofOwner,
): RouteCase {
  return capsule(async ({ platform }) => {
    const path = join((await platform.host.guest.agent).root, randomUUID());
    if (!fresh) await writeFile(path, "text");
    if (at === "query") return { query: { path }, ...(fresh ? { body: new Blob(["text"]) } : {}) };
    if (at === "body") return { body: { path, ...more } };
    const form = new FormData();
    form.append("path", path);
    form.append("file", new Blob(["text"]), "f");
    return { body: form };
  }, make);
}

/** About the team itself. */
function ofTeam(more: (world: World) => Promise<Target> = async () => ({})): RouteCase {
  return {
    target: async (world) => {
      const target = await more(world);
      return { ...target, path: { id: world.teamId, ...target.path } };
    },
    foreign: 403,
  };
}

const team = ({ teamId }: World) => ({ path: { id: teamId } });
const user = (world: World) => idFromUuid("user", world.member.id);

/** About an invitation of the member to another team; it is for one person, whatever their role. */
function invitation(resource?: (world: World) => string): RouteCase {
  return {
    target: async (world) => {
      const other = await world.platform.signIn();
      const path = `/v1/teams/${idFromUuid("team", other.teamId)}/members`;
      const { id } = await world.as<{ id: string }>(other, "POST", path, { email: world.member.email });
      return { path: { id }, ...(resource && { resource: resource(world) }) };
    },
    except: { admin: 404, owner: 404 },
  };
}

/** About a channel of the team. */
function channel(more: (world: World, id: string) => Promise<Target> = async () => ({})): RouteCase {
  return {
    target: async (world) => {
      const id = await world.channel();
      const target = await more(world, id);
      return { ...target, path: { id, ...target.path } };
    },
  };
}

/** About the account of whoever asks: nobody can name another one. */
function ownAccount(status: number, body?: unknown): RouteCase {
  return { target: async (world) => ({ body, resource: user(world) }), foreign: status };
}

/** Something that the member's account has, and that is there for nobody else. */
function ofMember(more: (world: World) => Promise<Target>, status = 404): RouteCase {
  return {
    target: async (world) => ({ ...(await more(world)), resource: user(world) }),
    foreign: status,
    except: { admin: status, owner: status },
  };
}

/** About a host that the team brought: its members see it, its admins manage it, and so do those of the platform. */
function host(
  status: number,
  more: (world: World, id: string) => Promise<Target> = async () => ({}),
  { member = 403, add = addHost }: { member?: number; add?: (world: World) => Promise<{ id: string }> } = {},
): RouteCase {
  return {
    target: async (world) => {
      const { id } = await add(world);
      const target = await more(world, id);
      return { ...target, path: { id, ...target.path }, ofTeam: true };
    },
    except: { "platform admin": status, member },
  };
}

const seenByMembers = { member: 200 };

export const ROUTE_CASES: Readonly<Record<string, RouteCase>> = {
  "GET /v1/capsules": nothing,
  "POST /v1/capsules": { target: async () => ({ body: { memory_mb: 192 }, resource: "*" }), foreign: 201 },
  "GET /v1/capsules/:id": capsule(),
  "DELETE /v1/capsules/:id": capsule(),
  "POST /v1/capsules/:id/pause": capsule(),
  "POST /v1/capsules/:id/resume": capsule(async (world, id) => {
    await world.as(world.owner, "POST", `/v1/capsules/${id}/pause`);
    return {};
  }),
  "POST /v1/capsules/:id/ping": capsule(),
  "POST /v1/capsules/:id/fork": capsule(async () => ({ body: {} })),
  "POST /v1/capsules/:id/exec": capsule(async () => ({ body: { cmd: "true" } })),
  "GET /v1/capsules/:id/console": capsule(),
  "POST /v1/capsules/:id/checkpoints": capsule(async () => ({ body: {} })),
  "GET /v1/capsules/:id/checkpoints": capsule(),
  "DELETE /v1/capsules/:id/checkpoints/:name": capsule(async (world, id) => ({
    path: { name: await world.checkpoint(id) },
  })),
  "POST /v1/capsules/:id/rollback": capsule(async (world, id) => ({
    body: { checkpoint: await world.checkpoint(id) },
  })),
  "GET /v1/capsules/:id/processes": capsule(),
  "DELETE /v1/capsules/:id/processes/:selector": capsule(async (world, id) => ({
    path: { selector: await world.process(id) },
  })),
  "GET /v1/capsules/:id/ports": capsule(),
  "POST /v1/capsules/:id/files/list": capsule(async () => ({ body: { path: "." } })),
  "POST /v1/capsules/:id/files/stat": file("body"),
  "POST /v1/capsules/:id/files/mkdir": file("body", {}, true),
  "POST /v1/capsules/:id/files/move": capsule(async ({ platform }) => {
    const source = join((await platform.host.guest.agent).root, randomUUID());
    await writeFile(source, "text");
    return { body: { source, destination: `${source}-moved` } };
  }),
  "POST /v1/capsules/:id/files/remove": file("body"),
  "POST /v1/capsules/:id/files/read": file("body"),
  "POST /v1/capsules/:id/files/stream/read": file("body"),
  "GET /v1/capsules/:id/files/download": file("query"),
  "POST /v1/capsules/:id/files/write": file("form", {}, true),
  "POST /v1/capsules/:id/files/stream/write": file("form", {}, true),
  "PUT /v1/capsules/:id/files/upload": file("query", {}, true),
  "GET /v1/capsules/stats": nothing,
  "GET /v1/capsules/usage": nothing,
  "GET /v1/capsules/:id/metrics": capsule(),
  "GET /v1/snapshots": nothing,
  "POST /v1/snapshots": {
    target: async (world) => ({
      body: { sandbox_id: await world.capsule(), name: `s-${randomUUID()}` },
      resource: "*",
    }),
  },
  "DELETE /v1/snapshots/:name": {
    target: async (world) => {
      const name = await world.snapshot();
      return { path: { name }, resource: name };
    },
  },

  "GET /v1/teams": nothing,
  "POST /v1/teams": { target: async () => ({ body: { name: "Another" }, resource: "*" }), foreign: 201 },
  "GET /v1/teams/:id": ofTeam(),
  "PATCH /v1/teams/:id": ofTeam(async () => ({ body: { name: "Renamed" } })),
  "DELETE /v1/teams/:id": ofTeam(async () => ({ ofPlatform: true })),
  "GET /v1/teams/:id/members": ofTeam(),
  "POST /v1/teams/:id/members": ofTeam(async () => ({
    body: { email: `${randomUUID()}@example.com` },
    resource: "*",
  })),
  "PATCH /v1/teams/:id/members/:uid": ofTeam(async (world) => ({
    path: { uid: user(world) },
    body: { role: "admin" },
    resource: user(world),
  })),
  "DELETE /v1/teams/:id/members/:uid": ofTeam(async (world) => {
    const guest = await world.platform.signIn({ teamId: world.owner.teamId, role: "member" });
    const uid = idFromUuid("user", guest.id);
    return { path: { uid }, resource: uid };
  }),
  "POST /v1/teams/:id/leave": {
    ...ofTeam(async (world) => ({ resource: user(world) })),
    except: { owner: 403 },
  },
  "POST /v1/teams/:id/transfer": ofTeam(async (world) => ({ body: { user_id: user(world) } })),
  "GET /v1/teams/:id/invitations": ofTeam(),
  "DELETE /v1/teams/:id/invitations/:invitation": ofTeam(async (world) => {
    const id = await world.invitation();
    return { path: { invitation: id }, resource: id };
  }),

  "GET /v1/teams/:id/quotas": ofTeam(),

  "GET /v1/channels": nothing,
  "POST /v1/channels": {
    target: async ({ webhook }) => ({ body: { ...webhook, name: "new", events: ["host.up"] }, resource: "*" }),
    foreign: 201,
  },
  "POST /v1/channels/test": { target: async ({ webhook }) => ({ body: webhook }), foreign: 200 },
  "GET /v1/channels/:id": channel(),
  "PATCH /v1/channels/:id": channel(async () => ({ body: { name: randomUUID() } })),
  "DELETE /v1/channels/:id": channel(),
  "PUT /v1/channels/:id/config": channel(async ({ webhook: { config } }) => ({ body: { config } })),
  "GET /v1/channels/:id/deliveries": channel(),
  "POST /v1/channels/:id/deliveries/:delivery/resend": channel(async ({ platform }, id) => ({
    path: { delivery: await addDeadDelivery(platform, id) },
  })),

  "POST /v1/auth/signup": {
    target: async ({ platform }) => {
      const email = newEmail();
      return {
        body: { email, password: PASSWORD, name: "New" },
        resource: async () => idFromUuid("user", await userWithEmail(platform, email)),
      };
    },
  },
  "POST /v1/auth/activate": {
    target: async ({ platform }) => {
      const newcomer = await addNewcomer(platform);
      const id = idFromUuid("user", newcomer);
      return { body: { token: await addMailToken(platform, "activation", newcomer) }, resource: id, actor: id };
    },
  },
  "POST /v1/auth/login": {
    target: async (world) => {
      await setPassword(world.platform, world.member);
      const { email } = world.member;
      return { body: { email, password: PASSWORD }, resource: user(world), actor: user(world) };
    },
  },
  "POST /v1/auth/logout": ownAccount(204),
  "POST /v1/auth/switch-team": { target: async ({ teamId }) => ({ body: { team_id: teamId } }), foreign: 403 },

  "GET /v1/me": nothing,
  "PATCH /v1/me": ownAccount(200, { name: "Renamed" }),
  "DELETE /v1/me": ofMember(async ({ member }) => ({ body: { confirmation: member.email } }), 400),
  "POST /v1/me/password": ownAccount(204, { new_password: PASSWORD, confirm_password: PASSWORD }),
  "POST /v1/me/password/reset": {
    target: async (world) => ({ body: { email: world.member.email }, resource: user(world) }),
  },
  "POST /v1/me/password/reset/confirm": {
    target: async (world) => ({
      body: { token: await addMailToken(world.platform, "password_reset", world.member.id), new_password: PASSWORD },
      resource: user(world),
    }),
  },
  "GET /v1/me/sessions": nothing,
  "DELETE /v1/me/sessions/:id": ofMember(async ({ platform, member }) => ({
    path: { id: await addSession(platform, member) },
  })),
  "GET /v1/me/providers/:provider/connect": { target: async () => ({ path: { provider: "github" } }), foreign: 200 },
  "DELETE /v1/me/providers/:provider": ofMember(async ({ platform, member }) => {
    // Nobody disconnects what they could not sign in without.
    await setPassword(platform, member);
    await addGithubAccount(platform, member);
    return { path: { provider: "github" } };
  }),
  // Whoever knows an address finds out whose it is.
  "GET /v1/users/search": { target: async ({ root }) => ({ query: { email: root.email } }), foreign: 200 },

  "GET /v1/me/invitations": nothing,
  "POST /v1/me/invitations/:id/accept": invitation(user),
  "POST /v1/me/invitations/:id/decline": invitation(),

  "GET /v1/api-keys": nothing,
  "POST /v1/api-keys": { target: async () => ({ body: {}, resource: "*" }), foreign: 201 },
  // Another team's key is as good as none, which is revoked already.
  "DELETE /v1/api-keys/:id": {
    target: async (world) => ({ path: { id: await world.apiKey() } }),
    foreign: 204,
  },
  "GET /v1/audit-logs": nothing,

  "GET /v1/admin/teams": nothing,
  "PUT /v1/admin/teams/:id/byoc": { target: async (world) => ({ ...team(world), body: { enabled: true } }) },
  "PUT /v1/admin/teams/:id/owner": { target: async (world) => ({ ...team(world), body: { user_id: user(world) } }) },
  "PUT /v1/admin/teams/:id/quotas": { target: async (world) => ({ ...team(world), body: { max_vcpus: 100 } }) },
  "DELETE /v1/admin/teams/:id": { target: async (world) => team(world) },
  "GET /v1/admin/users": nothing,
  "PUT /v1/admin/users/:id/active": {
    target: async (world) => ({
      path: { id: user(world) },
      body: { active: false },
    }),
  },
  "PUT /v1/admin/users/:id/admin": {
    target: async (world) => ({
      path: { id: user(world) },
      body: { admin: false },
      action: "revoke_admin",
    }),
  },
  "GET /v1/admin/audit-logs": nothing,
  "GET /v1/admin/templates": nothing,
  "DELETE /v1/admin/templates/:name": {
    target: async ({ platform }) => {
      const name = `s-${randomUUID()}`;
      const { id } = await platform.createCapsule({ memory_mb: 192 });
      await platform.post("/v1/snapshots", { sandbox_id: id, name });
      await platform.destroyCapsule(id);
      return { path: { name }, resource: name };
    },
  },
  "GET /v1/admin/capsules": nothing,
  "POST /v1/admin/capsules": { target: async () => ({ body: { memory_mb: 192 }, resource: "*" }) },
  "GET /v1/admin/capsules/:id": capsule(undefined, ofPlatform),
  "DELETE /v1/admin/capsules/:id": capsule(undefined, ofPlatform),
  "POST /v1/admin/capsules/:id/snapshot": {
    target: async (world) => ({
      path: { id: await ofPlatform(world) },
      body: { name: `s-${randomUUID()}` },
      resource: "*",
    }),
  },
  "POST /v1/admin/capsules/:id/exec": capsule(async () => ({ body: { cmd: "true" } }), ofPlatform),
  "GET /v1/admin/capsules/:id/metrics": capsule(undefined, ofPlatform),
  "GET /v1/admin/capsules/:id/processes": capsule(undefined, ofPlatform),
  "DELETE /v1/admin/capsules/:id/processes/:selector": capsule(
    async (world, id) => ({ path: { selector: await world.process(id, world.root, "/v1/admin/capsules") } }),
    ofPlatform,
  ),
  "POST /v1/admin/capsules/:id/files/list": capsule(async () => ({ body: { path: "." } }), ofPlatform),
  "POST /v1/admin/capsules/:id/files/mkdir": file("body", {}, true, ofPlatform),
  "POST /v1/admin/capsules/:id/files/remove": file("body", {}, false, ofPlatform),
  "POST /v1/admin/capsules/:id/files/read": file("body", {}, false, ofPlatform),
  "POST /v1/admin/capsules/:id/files/write": file("form", {}, true, ofPlatform),

  "GET /v1/hosts": nothing,
  "POST /v1/hosts": {
    target: async (world) => ({ body: { type: "byoc", team_id: await byocTeam(world) }, resource: "*", ofTeam: true }),
    foreign: 403,
    except: { "platform admin": 201, member: 403 },
  },
  "GET /v1/hosts/:id": host(200, undefined, seenByMembers),
  "DELETE /v1/hosts/:id": host(204),
  "GET /v1/hosts/:id/delete-preview": host(200),
  "POST /v1/hosts/:id/token": host(201),
  "PUT /v1/hosts/:id/drain": host(200, async () => ({ body: { draining: true } }), { add: knownHost }),
  "GET /v1/hosts/:id/tags": host(200, undefined, seenByMembers),
  "POST /v1/hosts/:id/tags": host(204, async () => ({ body: { tag: "gpu" } })),
  "DELETE /v1/hosts/:id/tags/:tag": host(204, async (world, id) => {
    await world.as(world.owner, "POST", `/v1/hosts/${id}/tags`, { tag: "gpu" });
    return { path: { tag: "gpu" } };
  }),
  "POST /v1/hosts/register": {
    target: async (world) => {
      const { id, body } = await addHost(world);
      return { body, resource: id, ofTeam: true };
    },
  },
  "POST /v1/hosts/auth/refresh": {
    target: async (world) => {
      const { refresh_token, host: enrolled } = await enrolHost(world);
      const body = { refresh_token, csr: newCertificateRequest().csrPem };
      return { body, resource: enrolled.id, ofTeam: true };
    },
  },
  "POST /v1/hosts/:id/heartbeat": {
    target: async (world) => {
      const { host: enrolled, token } = await enrolHost(world);
      return { path: { id: enrolled.id }, host: { "x-host-token": token } };
    },
  },

  "GET /v1/admin/jobs": {
    target: async (world) => {
      await world.backgroundWork();
      return {};
    },
  },
  "POST /v1/admin/jobs/:id/retry": {
    target: async (world) => {
      await world.backgroundWork();
      return { path: { id: await addFailedJob(world.platform) } };
    },
  },
};

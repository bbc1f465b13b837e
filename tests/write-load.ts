/** Clients of the API that write all the time, and know afterwards what must be there, while what they talk to is killed. */
import { setTimeout as sleep } from "node:timers/promises";
import { ERRORS, isErrorCode } from "@wrenn/protocol/errors";
import type { NewApiKey } from "@wrenn/protocol/rest/api-keys";
import type { Capsule } from "@wrenn/protocol/rest/capsules";
import type { Channel } from "@wrenn/protocol/rest/channels";
import type { ErrorEnvelope } from "@wrenn/protocol/rest/common";
import type { OwnTeam } from "@wrenn/protocol/rest/teams";

/** A request that takes longer has been forgotten by somebody. */
const HANG_MS = 30_000;
const RETRY_MS = 50;
/** What leaves no entry in the audit log, or leaves it after the answer. */
const NOT_AUDITED = /^GET |\/(exec|switch-team)$/;
/** How long a client goes on with one thing. */
const PATIENCE_MS = 120_000;

/** What all clients of a run saw. */
export class Observations {
  /** answers by status and code, and connections that could not be had or broke */
  readonly counts: Record<string, number> = {};
  /** what no client should see */
  readonly violations: string[] = [];
  /** ids of the requests that changed something and were answered with success */
  readonly acknowledged = new Set<string>();

  count(what: string): void {
    this.counts[what] = (this.counts[what] ?? 0) + 1;
  }
}

export interface Answer<Body> {
  readonly status: number;
  readonly body: Body;
}

export interface Sent {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  /** statuses that mean success when an attempt before may have been done without its client hearing of it */
  readonly whenRepeated?: readonly number[];
}

/** One client's way to the API. */
export class Wire {
  readonly #url: string;
  readonly #seen: Observations;
  readonly #headers: Readonly<Record<string, string>>;

  constructor(url: string, seen: Observations, headers: Readonly<Record<string, string>> = {}) {
    this.#url = url;
    this.#seen = seen;
    this.#headers = headers;
  }

  as(headers: Readonly<Record<string, string>>): Wire {
    return new Wire(this.#url, this.#seen, headers);
  }

  /** Sends it again until it is known to be done. @throws when it is refused, or fails in a way that no client should see */
  async certain<Body>(method: string, path: string, sent: Sent = {}): Promise<Answer<Body>> {
    const deadline = Date.now() + PATIENCE_MS;
    for (let repeated = false; Date.now() < deadline; repeated = true) {
      const answer = await this.attempt<Body>(method, path, repeated ? sent : { ...sent, whenRepeated: [] });
      if (answer !== undefined) return answer;
      await sleep(RETRY_MS);
    }
    throw this.#violation(`${method} ${path} was not answered for ${PATIENCE_MS} ms`);
  }

  /** Undefined when nobody knows whether it was done, and when the answer says to come again. @throws as `certain` does */
  async attempt<Body>(method: string, path: string, sent: Sent = {}): Promise<Answer<Body> | undefined> {
    const headers: Record<string, string> = { ...this.#headers, ...sent.headers };
    if (sent.body !== undefined) headers["content-type"] = "application/json";
    const body = sent.body === undefined ? null : JSON.stringify(sent.body);
    const signal = AbortSignal.timeout(HANG_MS);
    let response: Response;
    let text: string;
    try {
      response = await fetch(this.#url + path, { method, headers, body, signal });
      text = await response.text();
    } catch {
      if (signal.aborted) throw this.#violation(`${method} ${path} hangs`);
      this.#seen.count("connection refused or lost");
      return undefined;
    }
    const request = `${method} ${path}`;
    const { ok, status } = response;
    if (!ok) return this.#isAccepted(request, response, text, sent) ? { status, body: undefined as Body } : undefined;
    this.#seen.count(`${status}`);
    // What is only answered once more was done, and noted, by an earlier request.
    const isNoted = !NOT_AUDITED.test(request) && !response.headers.has("idempotency-replayed");
    if (isNoted) this.#seen.acknowledged.add(response.headers.get("x-request-id") ?? "");
    return { status, body: (text === "" ? undefined : JSON.parse(text)) as Body };
  }

  /** False when it is to be sent again. @throws what no client should see */
  #isAccepted(request: string, { status, headers }: Response, text: string, { whenRepeated }: Sent): boolean {
    const { error } = JSON.parse(text) as ErrorEnvelope;
    const code = error.reason ?? error.code;
    this.#seen.count(`${status} ${code}`);
    if (whenRepeated?.includes(status) === true) return true;
    const retryable = isErrorCode(code) && ERRORS[code].retryable && status !== 500;
    if (!retryable) throw this.#violation(`${request}: ${status} ${code}: ${error.message}`);
    if (status === 503 && headers.get("retry-after") === null) {
      throw this.#violation(`${request}: ${code} does not say when to try again`);
    }
    return false;
  }

  #violation(what: string): Error {
    this.#seen.violations.push(what);
    return new Error(what);
  }
}

/** Goes on until it is told to end. */
export interface Writer {
  step(): Promise<void>;
  /** what the platform should have and has: to be compared */
  compare(): Promise<{ readonly expected: unknown; readonly found: unknown }>;
}

interface Named {
  readonly id: string;
  readonly name: string;
}

let names = 0;
const newName = (kind: string) => `${kind}-${++names}`;

/** Makes a row whose name nobody else has: exactly one, however often it has to be tried. */
async function createNamed<Row extends Named>(wire: Wire, path: string, body: { name: string }): Promise<Row> {
  for (;;) {
    const answer = await wire.attempt<Row>("POST", path, { body });
    if (answer !== undefined) return answer.body;
    await sleep(RETRY_MS);
    const found = (await wire.certain<Row[]>("GET", path)).body.find(({ name }) => name === body.name);
    if (found !== undefined) return found;
  }
}

const pick = <T>(list: readonly T[]): T | undefined => list[Math.floor(Math.random() * list.length)];

/** How many keys are there at a time; a team has room for more. */
const KEPT_KEYS = 500;

/** Makes one key after the other, and revokes the oldest when there are many. */
export class KeyMaker implements Writer {
  readonly #wire: Wire;
  readonly #made: Named[] = [];

  /** @param wire with a session */
  constructor(wire: Wire) {
    this.#wire = wire;
  }

  async step(): Promise<void> {
    const { id, name } = await createNamed<NewApiKey>(this.#wire, "/v1/api-keys", { name: newName("made") });
    this.#made.push({ id, name });
    const [oldest] = this.#made;
    if (oldest === undefined || this.#made.length <= KEPT_KEYS) return;
    await this.#wire.certain("DELETE", `/v1/api-keys/${oldest.id}`);
    this.#made.shift();
  }

  async compare() {
    const { body } = await this.#wire.certain<Named[]>("GET", "/v1/api-keys");
    const found = body.filter(({ name }) => name.startsWith("made-"));
    return { expected: sorted(this.#made), found: sorted(found) };
  }
}

/** Makes, changes and removes what its own team has. */
export class TeamOwner implements Writer {
  readonly #wire: Wire;
  readonly #team: string;
  readonly #keys = new Map<string, string>();
  readonly #channels = new Map<string, string>();
  #name = "";

  private constructor(wire: Wire, team: string) {
    this.#wire = wire;
    this.#team = team;
  }

  /** @param wire with a session */
  static async start(wire: Wire): Promise<TeamOwner> {
    const { id } = await createNamed<OwnTeam>(wire, "/v1/teams", { name: newName("owned") });
    const switched = await wire.certain<{ token: string }>("POST", "/v1/auth/switch-team", { body: { team_id: id } });
    const owner = new TeamOwner(wire.as({ authorization: `Bearer ${switched.body.token}` }), id);
    await owner.rename();
    return owner;
  }

  async rename(): Promise<void> {
    const name = newName("owned");
    await this.#wire.certain("PATCH", `/v1/teams/${this.#team}`, { body: { name } });
    this.#name = name;
  }

  step(): Promise<void> {
    const steps = [() => this.rename(), () => this.#createKey(), () => this.#createChannel()];
    // There are few of each at any time.
    const [key, channel] = [pick([...this.#keys.keys()]), pick([...this.#channels.keys()])];
    if (key !== undefined) steps.push(() => this.#revokeKey(key));
    if (channel !== undefined) {
      steps.push(
        () => this.#renameChannel(channel),
        () => this.#deleteChannel(channel),
      );
    }
    return (pick(steps) as () => Promise<void>)();
  }

  async #createKey(): Promise<void> {
    const { id, name } = await createNamed<NewApiKey>(this.#wire, "/v1/api-keys", { name: newName("key") });
    this.#keys.set(id, name);
  }

  async #revokeKey(id: string): Promise<void> {
    await this.#wire.certain("DELETE", `/v1/api-keys/${id}`);
    this.#keys.delete(id);
  }

  async #createChannel(): Promise<void> {
    const config = { url: "https://example.com/hook" };
    const body = { name: newName("channel"), provider: "webhook", config, events: ["host.up"] };
    const { id, name } = await createNamed<Channel>(this.#wire, "/v1/channels", body);
    this.#channels.set(id, name);
  }

  async #renameChannel(id: string): Promise<void> {
    const name = newName("channel");
    await this.#wire.certain("PATCH", `/v1/channels/${id}`, { body: { name } });
    this.#channels.set(id, name);
  }

  async #deleteChannel(id: string): Promise<void> {
    await this.#wire.certain("DELETE", `/v1/channels/${id}`, { whenRepeated: [404] });
    this.#channels.delete(id);
  }

  async compare() {
    const list = async (path: string) => sorted((await this.#wire.certain<Named[]>("GET", path)).body);
    const { body } = await this.#wire.certain<{ team: Named }>("GET", `/v1/teams/${this.#team}`);
    const rows = (map: Map<string, string>) => sorted([...map].map(([id, name]) => ({ id, name })));
    return {
      expected: { name: this.#name, keys: rows(this.#keys), channels: rows(this.#channels) },
      found: { name: body.team.name, keys: await list("/v1/api-keys"), channels: await list("/v1/channels") },
    };
  }
}

function sorted(rows: readonly Named[]): Named[] {
  return rows.map(({ id, name }) => ({ id, name })).toSorted((a, b) => a.id.localeCompare(b.id));
}

/** Makes a capsule, has it say something, destroys it; a few stay. */
export class CapsuleUser implements Writer {
  readonly #wire: Wire;
  /** what each that stays has in its memory */
  readonly #kept = new Map<string, string>();
  readonly #keep: number;

  /** @param wire with an API key */
  constructor(wire: Wire, keep: number) {
    this.#wire = wire;
    this.#keep = keep;
  }

  async step(): Promise<void> {
    const id = await this.#create();
    if (id === undefined) return;
    const mark = newName("mark");
    await this.#sh(id, `echo ${mark} > /tmp/mark`);
    if (this.#kept.size < this.#keep) this.#kept.set(id, mark);
    else await this.#wire.certain("DELETE", `/v1/capsules/${id}`);
  }

  /** Undefined for a key that is used up: its first request was cut off before the host had the machine. */
  async #create(): Promise<string | undefined> {
    const headers = { "idempotency-key": newName("key") };
    const create = () =>
      this.#wire.certain<Capsule | undefined>("POST", "/v1/capsules", { headers, body: {}, whenRepeated: [409] });
    const made = (await create()).body?.id;
    if (made === undefined) return undefined;
    const again = (await create()).body?.id;
    if (again !== made) throw new Error(`one Idempotency-Key made ${made} and ${again}`);
    return made;
  }

  async #sh(id: string, script: string): Promise<string> {
    const body = { cmd: "/bin/sh", args: ["-c", script] };
    const sent = await this.#wire.certain<{ stdout: string }>("POST", `/v1/capsules/${id}/exec`, { body });
    return sent.body.stdout.trim();
  }

  get kept(): string[] {
    return [...this.#kept.keys()].toSorted();
  }

  async compare() {
    const { body } = await this.#wire.certain<Capsule[]>("GET", "/v1/capsules");
    // One whose create was cut off may have ended so.
    const listed = body.filter(({ status }) => status !== "error").map(({ id }) => id);
    const marks = await Promise.all(listed.map(async (id) => [id, await this.#sh(id, "cat /tmp/mark")] as const));
    return { expected: Object.fromEntries(this.#kept), found: Object.fromEntries(marks) };
  }
}

/** Channels of a team: what is told where. Their configuration is stored encrypted and never shown. */
import { randomUUID } from "node:crypto";
import { WrennError } from "@wrenn/protocol/errors";
import { idFromUuid } from "@wrenn/protocol/ids";
import { LIMITS } from "@wrenn/protocol/limits";
import type { ChannelEvent, Provider } from "@wrenn/protocol/rest/channels";
import { and, asc, eq } from "drizzle-orm";
import type { Database } from "../db/database.ts";
import { isDuplicate } from "../db/errors.ts";
import { holdRoom } from "../db/room.ts";
import { type ChannelRow, channels } from "../db/schema.ts";
import { newEvent } from "../events/event.ts";
import type { ChannelDeps } from "./deps.ts";
import { PROVIDERS } from "./providers.ts";

type Config = Readonly<Record<string, string>>;

export interface NewChannel {
  /** as it is stored: in lower case, without blanks */
  readonly name: string;
  readonly provider: Provider;
  readonly config: Config;
  readonly events: readonly ChannelEvent[];
}

export interface ConfiguredChannel {
  readonly row: ChannelRow;
  /** what its webhooks are signed with; undefined for other providers */
  readonly secret: string | undefined;
}

/** By name. */
export function listChannels(db: Database, teamId: string): Promise<ChannelRow[]> {
  return db.queries.select().from(channels).where(eq(channels.teamId, teamId)).orderBy(asc(channels.name));
}

/** @param id UUID. @throws not_found when the team has no such channel */
export async function getChannel(db: Database, teamId: string, id: string): Promise<ChannelRow> {
  const [row] = await db.queries.select().from(channels).where(owned(teamId, id));
  return found(row, id);
}

/** @throws invalid_request for a configuration that is wrong, conflict when the name is taken, quota_exceeded */
export async function createChannel(
  { db, encryption }: ChannelDeps,
  teamId: string,
  { name, provider, config: given, events }: NewChannel,
): Promise<ConfiguredChannel> {
  const id = randomUUID();
  const config = PROVIDERS[provider].check(given);
  const encrypted = encryption.encrypt(JSON.stringify(config), id);
  const [row] = await db.queries.transaction(async (tx) => {
    await holdRoom(tx, {
      owner: teamId,
      table: channels,
      where: eq(channels.teamId, teamId),
      max: LIMITS.teamChannels,
      message: `a team has at most ${LIMITS.teamChannels} channels: delete one first`,
    });
    return tx
      .insert(channels)
      .values({ id, teamId, name, provider, events: [...events], config: encrypted })
      .onConflictDoNothing({ target: [channels.teamId, channels.name] })
      .returning();
  });
  if (row === undefined) throw nameTaken(name);
  return { row, secret: secretOf(provider, config) };
}

/** @throws not_found, conflict when the name is taken */
export async function updateChannel(
  db: Database,
  teamId: string,
  id: string,
  changes: { readonly name?: string | undefined; readonly events?: ChannelEvent[] | undefined },
): Promise<ChannelRow> {
  try {
    const [row] = await db.queries
      .update(channels)
      .set({ ...changes, updatedAt: new Date() })
      .where(owned(teamId, id))
      .returning();
    return found(row, id);
  } catch (error) {
    if (isDuplicate(error, "channels_team_name")) throw nameTaken(changes.name ?? "");
    throw error;
  }
}

/** Deliveries that wait are sent with it. @throws not_found, invalid_request for a configuration that is wrong */
export async function configureChannel(
  { db, encryption }: ChannelDeps,
  teamId: string,
  id: string,
  given: Config,
): Promise<ConfiguredChannel> {
  // Its provider never changes.
  const { provider } = await getChannel(db, teamId, id);
  const config = PROVIDERS[provider].check(given);
  const [row] = await db.queries
    .update(channels)
    .set({ config: encryption.encrypt(JSON.stringify(config), id), updatedAt: new Date() })
    .where(owned(teamId, id))
    .returning();
  return { row: found(row, id), secret: secretOf(provider, config) };
}

/** What it was told, and was to be told, goes with it. @throws not_found */
export async function deleteChannel(db: Database, teamId: string, id: string): Promise<void> {
  const [row] = await db.queries.delete(channels).where(owned(teamId, id)).returning();
  found(row, id);
}

/** Sends a test to a receiver that no channel need have, once. @throws invalid_request, delivery_failed */
export async function testChannel(
  { outbound }: ChannelDeps,
  teamId: string,
  provider: Provider,
  given: Config,
): Promise<void> {
  const how = PROVIDERS[provider];
  const id = randomUUID();
  const event = newEvent("channel.test", teamId, { id: idFromUuid("channel", id), type: "channel" });
  await outbound.send(how.request(how.check(given), { id, event }));
}

function owned(teamId: string, id: string) {
  return and(eq(channels.id, id), eq(channels.teamId, teamId));
}

function found(row: ChannelRow | undefined, id: string): ChannelRow {
  if (row === undefined) throw new WrennError("not_found", `channel ${idFromUuid("channel", id)} does not exist`);
  return row;
}

function nameTaken(name: string): WrennError {
  return new WrennError("conflict", `there is a channel "${name}" already`);
}

function secretOf(provider: Provider, config: Config): string | undefined {
  return provider === "webhook" ? config["secret"] : undefined;
}

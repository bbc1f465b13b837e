/** A key's row as clients see it. */
import { SCOPES } from "@wrenn/protocol/access";
import { idFromUuid } from "@wrenn/protocol/ids";
import type { ApiKey } from "@wrenn/protocol/rest/api-keys";
import type { ListedKey } from "../../identity/key-store.ts";
import { toTime, withoutNulls } from "../fields.ts";

export function toApiKey({ key, creatorEmail }: ListedKey): ApiKey {
  const { scopes } = key;
  return {
    id: idFromUuid("key", key.id),
    team_id: idFromUuid("team", key.teamId),
    name: key.name,
    key_prefix: key.keyPrefix,
    created_at: toTime(key.createdAt),
    ...withoutNulls({
      scopes: scopes && SCOPES.filter((scope) => scopes.includes(scope)),
      created_by: key.createdBy && idFromUuid("user", key.createdBy),
      creator_email: creatorEmail,
      last_used: key.lastUsedAt && toTime(key.lastUsedAt),
      expires_at: key.expiresAt && toTime(key.expiresAt),
    }),
  };
}

/**
 * What the control planes of one database have in common besides it. One with other secrets would end everybody's sessions and write
 * what the others cannot read; one with another authority would lose the hosts. So it does not start.
 */
import { createHash, X509Certificate } from "node:crypto";
import { WrennError } from "@wrenn/protocol/errors";
import type { Layout } from "@wrenn/runtime/layout";
import { eq } from "drizzle-orm";
import type { Config } from "./config.ts";
import type { Database } from "./db/database.ts";
import { installation } from "./db/schema.ts";
import type { AuthorityPem } from "./hosts/authority-pem.ts";
import type { Secrets } from "./secrets.ts";

type Prints = Omit<typeof installation.$inferSelect, "id">;

/**
 * The first control plane notes what it has; later ones have to have the same, or the next key to encrypt with beside the present one.
 * @throws config_invalid that names what differs, unless the configuration says that it was changed on purpose
 */
export async function requireInstallation(
  db: Database,
  config: Config,
  secrets: Secrets,
  { certPem }: AuthorityPem,
): Promise<void> {
  const mine: Prints = {
    session: fingerprint("session", secrets.session),
    encryption: fingerprint("encryption", secrets.encryption),
    authority: fingerprint("authority", new X509Certificate(certPem).raw),
  };
  const readable = [secrets.encryption, ...secrets.retiredEncryption].map((key) => fingerprint("encryption", key));
  await db.queries.transaction(async (tx) => {
    await tx.insert(installation).values(mine).onConflictDoNothing();
    const [noted = mine] = await tx.select().from(installation).for("update");
    const different = [
      noted.session === mine.session ? [] : ["JWT_SECRET"],
      readable.includes(noted.encryption) ? [] : ["WRENN_ENCRYPTION_KEY"],
      noted.authority === null || noted.authority === mine.authority ? [] : ["WRENN_CA_CERT"],
    ].flat();
    if (different.length > 0 && !config.newSecrets) throw isAnother(different, config.layout);
    await tx.update(installation).set(mine).where(eq(installation.id, true));
  });
}

function isAnother(names: readonly string[], { secretsFile, authorityFile }: Layout): WrennError {
  const [is, it] = names.length === 1 ? ["is", "it"] : ["are", "them"];
  return new WrennError(
    "config_invalid",
    `${names.join(", ")} ${is} not what the other control planes of this database have, or had: where the environment does not ` +
      `set ${it}, put ${secretsFile} and ${authorityFile} back; if this was changed on purpose, start once with WRENN_NEW_SECRETS=1`,
  );
}

/** Says which secret it is; no other use of the secret has this hash. */
function fingerprint(of: string, secret: Uint8Array): string {
  return createHash("sha256").update(`wrenn installation ${of}\n`).update(secret).digest("hex").slice(0, 16);
}

CREATE TABLE "counts" (
	"key" text PRIMARY KEY NOT NULL,
	"count" integer NOT NULL,
	"expires_at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "revoked_keys" (
	"key_hash" text PRIMARY KEY NOT NULL,
	"revoked_at" timestamp (3) with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
DROP INDEX "mail_tokens_user";--> statement-breakpoint
CREATE INDEX "counts_expires_at" ON "counts" USING btree ("expires_at");--> statement-breakpoint
-- Of several links of one user the last one stays good.
DELETE FROM "mail_tokens" older USING "mail_tokens" newer
	WHERE older.user_id = newer.user_id AND older.purpose = newer.purpose
	AND (older.created_at, older.token_hash) < (newer.created_at, newer.token_hash);--> statement-breakpoint
CREATE UNIQUE INDEX "mail_tokens_user_purpose" ON "mail_tokens" USING btree ("user_id","purpose");--> statement-breakpoint
-- What whoever has left made, and would have taken along.
DELETE FROM "api_keys" USING "users" WHERE users.id = api_keys.created_by AND users.status IN ('disabled', 'deleted');--> statement-breakpoint
DELETE FROM "memberships" USING "users" WHERE users.id = memberships.user_id AND users.status = 'deleted' AND memberships.role <> 'owner';--> statement-breakpoint
DELETE FROM "invitations" WHERE NOT EXISTS (
	SELECT 1 FROM "memberships" JOIN "users" ON users.id = memberships.user_id
	WHERE memberships.team_id = invitations.team_id AND memberships.user_id = invitations.invited_by
	AND memberships.role IN ('owner', 'admin') AND users.status = 'active'
);

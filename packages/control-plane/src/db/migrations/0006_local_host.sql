ALTER TABLE "hosts" ADD COLUMN "local_instance" text;--> statement-breakpoint
CREATE UNIQUE INDEX "hosts_local_instance" ON "hosts" USING btree ("local_instance") WHERE "hosts"."deleted_at" is null;--> statement-breakpoint
-- The host of an instance's own box was reached over a Unix socket. It enrols anew at the next start, on the same row.
UPDATE "hosts" SET
  "local_instance" = substring("address" from '^unix:/run/wrenn/([0-9a-f]{10})/'),
  "address" = NULL,
  "status" = CASE "status" WHEN 'online' THEN 'unreachable' ELSE "status" END
WHERE "address" LIKE 'unix:%';

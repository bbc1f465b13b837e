ALTER TABLE "hosts" DROP CONSTRAINT "hosts_address_unique";--> statement-breakpoint
DROP INDEX "hosts_team";--> statement-breakpoint
CREATE UNIQUE INDEX "hosts_platform_address" ON "hosts" USING btree ("address") WHERE "hosts"."team_id" is null;--> statement-breakpoint
CREATE UNIQUE INDEX "hosts_team_address" ON "hosts" USING btree ("team_id","address");
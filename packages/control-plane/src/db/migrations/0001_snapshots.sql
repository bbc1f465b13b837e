CREATE TABLE "snapshots" (
	"id" uuid PRIMARY KEY NOT NULL,
	"team_id" uuid NOT NULL,
	"name" text NOT NULL,
	"kind" text NOT NULL,
	"capsule_id" uuid NOT NULL,
	"host_id" uuid NOT NULL,
	"state" text NOT NULL,
	"template" text NOT NULL,
	"vcpus" integer NOT NULL,
	"memory_mb" integer NOT NULL,
	"disk_size_mb" integer NOT NULL,
	"size_bytes" bigint DEFAULT 0 NOT NULL,
	"metadata" jsonb,
	"timings" jsonb,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "snapshots_kind" CHECK ("snapshots"."kind" in ('snapshot', 'checkpoint')),
	CONSTRAINT "snapshots_state" CHECK ("snapshots"."state" in ('creating', 'ready', 'deleting'))
);
--> statement-breakpoint
ALTER TABLE "capsules" ADD COLUMN "base_template" text;--> statement-breakpoint
UPDATE "capsules" SET "base_template" = "template";--> statement-breakpoint
ALTER TABLE "capsules" ALTER COLUMN "base_template" SET NOT NULL;--> statement-breakpoint
ALTER TABLE "capsules" ADD COLUMN "snapshot_id" uuid;--> statement-breakpoint
ALTER TABLE "capsules" ADD COLUMN "forked_from" uuid;--> statement-breakpoint
ALTER TABLE "capsules" ADD COLUMN "disk_size_mb" integer DEFAULT 5120 NOT NULL;--> statement-breakpoint
ALTER TABLE "capsules" ADD COLUMN "auto_resume" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "capsules" ADD COLUMN "paused_at" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "capsules" ADD COLUMN "pause_reason" text;--> statement-breakpoint
ALTER TABLE "hosts" ADD COLUMN "templates" jsonb DEFAULT '[]'::jsonb NOT NULL;--> statement-breakpoint
ALTER TABLE "snapshots" ADD CONSTRAINT "snapshots_team_id_teams_id_fk" FOREIGN KEY ("team_id") REFERENCES "public"."teams"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "snapshots" ADD CONSTRAINT "snapshots_capsule_id_capsules_id_fk" FOREIGN KEY ("capsule_id") REFERENCES "public"."capsules"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "snapshots" ADD CONSTRAINT "snapshots_host_id_hosts_id_fk" FOREIGN KEY ("host_id") REFERENCES "public"."hosts"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE UNIQUE INDEX "snapshots_team_name" ON "snapshots" USING btree ("team_id","name") WHERE "snapshots"."kind" = 'snapshot';--> statement-breakpoint
CREATE UNIQUE INDEX "snapshots_capsule_name" ON "snapshots" USING btree ("capsule_id","name") WHERE "snapshots"."kind" = 'checkpoint';--> statement-breakpoint
CREATE INDEX "snapshots_host" ON "snapshots" USING btree ("host_id");--> statement-breakpoint
ALTER TABLE "capsules" ADD CONSTRAINT "capsules_snapshot_id_snapshots_id_fk" FOREIGN KEY ("snapshot_id") REFERENCES "public"."snapshots"("id") ON DELETE set null ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "capsules" ADD CONSTRAINT "capsules_forked_from_capsules_id_fk" FOREIGN KEY ("forked_from") REFERENCES "public"."capsules"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "capsules_snapshot" ON "capsules" USING btree ("snapshot_id") WHERE "capsules"."snapshot_id" is not null;--> statement-breakpoint
ALTER TABLE "capsules" ADD CONSTRAINT "capsules_pause_reason" CHECK ("capsules"."pause_reason" in ('request', 'idle'));
CREATE TABLE "idempotency_keys" (
	"id" uuid PRIMARY KEY NOT NULL,
	"key_hash" text NOT NULL,
	"request_hash" text NOT NULL,
	"answer" text,
	"created_at" timestamp (3) with time zone DEFAULT clock_timestamp() NOT NULL,
	CONSTRAINT "idempotency_keys_key_hash_unique" UNIQUE("key_hash")
);
--> statement-breakpoint
CREATE TABLE "installation" (
	"id" boolean PRIMARY KEY DEFAULT true NOT NULL,
	"session" text NOT NULL,
	"encryption" text NOT NULL,
	"authority" text,
	CONSTRAINT "installation_one" CHECK ("installation"."id")
);
--> statement-breakpoint
ALTER TABLE "capsule_spans" ADD COLUMN "closed_at" timestamp (3) with time zone;--> statement-breakpoint
CREATE INDEX "idempotency_keys_created" ON "idempotency_keys" USING btree ("created_at");--> statement-breakpoint
-- As before, and when it was written down: days that were added up by then are added up anew.
CREATE OR REPLACE FUNCTION record_capsule_span() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
	runs CONSTANT boolean := NEW.state IN ('starting', 'running', 'pausing', 'resuming');
	rests CONSTANT boolean := NEW.state = 'paused';
	moved_at timestamptz := clock_timestamp();
	ended timestamptz;
BEGIN
	IF TG_OP = 'UPDATE'
		AND runs = (OLD.state IN ('starting', 'running', 'pausing', 'resuming'))
		AND rests = (OLD.state = 'paused') THEN
		RETURN NULL;
	END IF;
	-- Its host may have paused it, or it may have ended, before anybody here was told.
	UPDATE capsule_spans
		SET until = greatest(since, least(moved_at, CASE WHEN rests THEN NEW.paused_at WHEN NOT runs THEN NEW.ended_at END)),
			closed_at = moved_at
		WHERE capsule_id = NEW.id AND until = 'infinity'
		RETURNING until INTO ended;
	IF runs OR rests THEN
		INSERT INTO capsule_spans (capsule_id, team_id, since, running, vcpus, memory_mb)
		VALUES (
			NEW.id,
			NEW.team_id,
			coalesce(ended, moved_at),
			CASE WHEN runs THEN 1 ELSE 0 END,
			CASE WHEN runs THEN NEW.vcpus ELSE 0 END,
			CASE WHEN runs THEN NEW.memory_mb ELSE (NEW.memory_mb + 1) / 2 END
		);
	END IF;
	RETURN NULL;
END
$$;

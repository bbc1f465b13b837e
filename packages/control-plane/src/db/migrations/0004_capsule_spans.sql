-- Writes down what a capsule holds and since when, in the transaction that changes its state, by the clock of the database.
CREATE FUNCTION record_capsule_span() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
	runs CONSTANT boolean := NEW.state IN ('starting', 'running', 'pausing', 'resuming');
	rests CONSTANT boolean := NEW.state = 'paused';
	moved_at timestamptz := clock_timestamp();
	closed_at timestamptz;
BEGIN
	IF TG_OP = 'UPDATE'
		AND runs = (OLD.state IN ('starting', 'running', 'pausing', 'resuming'))
		AND rests = (OLD.state = 'paused') THEN
		RETURN NULL;
	END IF;
	-- Its host may have paused it, or it may have ended, before anybody here was told.
	UPDATE capsule_spans
		SET until = greatest(since, least(moved_at, CASE WHEN rests THEN NEW.paused_at WHEN NOT runs THEN NEW.ended_at END))
		WHERE capsule_id = NEW.id AND until = 'infinity'
		RETURNING until INTO closed_at;
	IF runs OR rests THEN
		INSERT INTO capsule_spans (capsule_id, team_id, since, running, vcpus, memory_mb)
		VALUES (
			NEW.id,
			NEW.team_id,
			coalesce(closed_at, moved_at),
			CASE WHEN runs THEN 1 ELSE 0 END,
			CASE WHEN runs THEN NEW.vcpus ELSE 0 END,
			CASE WHEN runs THEN NEW.memory_mb ELSE (NEW.memory_mb + 1) / 2 END
		);
	END IF;
	RETURN NULL;
END
$$;--> statement-breakpoint
CREATE TRIGGER record_capsule_span AFTER INSERT OR UPDATE OF state ON "capsules" FOR EACH ROW EXECUTE FUNCTION record_capsule_span();--> statement-breakpoint
-- What the capsules that are there hold since they last changed; what they held before is not known.
INSERT INTO capsule_spans (capsule_id, team_id, since, running, vcpus, memory_mb)
SELECT id, team_id, coalesce(started_at, created_at), 1, vcpus, memory_mb
FROM capsules WHERE state IN ('starting', 'running', 'pausing', 'resuming')
UNION ALL
SELECT id, team_id, coalesce(paused_at, updated_at), 0, 0, (memory_mb + 1) / 2
FROM capsules WHERE state = 'paused';

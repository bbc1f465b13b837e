-- What was done is never changed afterwards. The one exception is the name of a user who is no more, which its eraser asks for.
CREATE FUNCTION audit_logs_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF TG_OP = 'UPDATE' AND current_setting('wrenn.erasing_user', true) = 'on' THEN
		NEW.created_at := OLD.created_at;
		RETURN NEW;
	END IF;
	RAISE EXCEPTION 'audit_logs is append-only';
END
$$;--> statement-breakpoint
CREATE TRIGGER audit_logs_append_only BEFORE UPDATE OR DELETE ON "audit_logs" FOR EACH ROW EXECUTE FUNCTION audit_logs_append_only();--> statement-breakpoint
CREATE TRIGGER audit_logs_no_truncate BEFORE TRUNCATE ON "audit_logs" FOR EACH STATEMENT EXECUTE FUNCTION audit_logs_append_only();

/** REST schemas of background work. */
import { z } from "zod";
import { time } from "./capsules.ts";
import { idOf, like } from "./common.ts";

export const JOB_STATES = ["created", "retry", "active", "completed", "cancelled", "failed"] as const;
export type JobState = (typeof JOB_STATES)[number];

export const jobSchema = z
  .object({
    id: idOf("job"),
    name: like("usage-rollup").describe("Which work it is"),
    state: z.enum(JOB_STATES).meta({ examples: ["completed"] }),
    attempts: z.int(),
    created_at: time,
    next_attempt_at: time.optional().describe("Of one that waits"),
    started_at: time.optional().describe("When the last attempt began"),
    ended_at: time.optional(),
    error: z.string().optional().describe("What the last attempt failed with"),
  })
  .meta({ id: "Job" });
export type Job = z.infer<typeof jobSchema>;

const count = z.int();

export const jobListSchema = z
  .object({
    items: z.array(jobSchema),
    next_cursor: z.string().optional().describe("Pass it as `cursor` for the next page; absent on the last one"),
    queues: z
      .array(
        z.object({
          name: like("usage-rollup"),
          created: count,
          retry: count,
          active: count,
          completed: count,
          cancelled: count,
          failed: count,
        }),
      )
      .describe("How many there are of each kind in each state; those that ended are forgotten after a week"),
  })
  .meta({ id: "JobList" });
export type JobList = z.infer<typeof jobListSchema>;

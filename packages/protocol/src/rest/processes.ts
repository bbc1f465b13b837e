/** REST schemas of commands and processes. */
import { z } from "zod";
import { LIMITS } from "../limits.ts";
import { idOf, like } from "./common.ts";

/** No NUL: the kernel cannot pass one in an argument, a path or a variable. */
export const word = z.string().refine((text) => !text.includes("\0"), "must not contain NUL");

/** A process by its tag or, when it is all digits, by its pid. */
export const processTag = z
  .string()
  .regex(
    /^(?![0-9]+$)[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$/,
    "must be 1 to 128 letters, digits and . _ : - and not a number",
  );

/** What a process is started with, in every way to start one. */
export const commandFields = {
  cmd: word.min(1).meta({ examples: ["python3"] }),
  args: z
    .array(word)
    .max(4096)
    .default([])
    .meta({ examples: [["main.py"]] }),
  envs: z
    .record(word.regex(/^[^=]+$/, "must not be empty or contain ="), word)
    .refine((envs) => Object.keys(envs).length <= LIMITS.variables, `must be at most ${LIMITS.variables} variables`)
    .default({}),
  cwd: word.optional().describe("Absolute or relative to the user's home, which is the default"),
  user: word.optional().describe("root when absent"),
  tag: processTag.optional().describe("A name to find the process by"),
};

/** Seconds; 0 is no limit. */
export const commandTimeout = z.int().min(LIMITS.execTimeoutSec.min).max(LIMITS.execTimeoutSec.max);

export const execSchema = z
  .object({
    ...commandFields,
    timeout_sec: commandTimeout
      .optional()
      .describe(
        `Seconds until the command and all its children are killed; 0 is no limit. ${LIMITS.execTimeoutSec.default} when absent, 0 with background`,
      ),
    stdin: z.string().optional().describe("Standard input; it is empty when absent"),
    stdin_encoding: z.enum(["utf-8", "base64"]).default("utf-8"),
    background: z.boolean().default(false).describe("Answer as soon as the command runs"),
  })
  .meta({ id: "Exec" });
export type Exec = z.input<typeof execSchema>;

export const execResultSchema = z
  .object({
    sandbox_id: idOf("capsule"),
    cmd: like("python3"),
    stdout: like("hello\n"),
    stderr: like(""),
    exit_code: z
      .int()
      .meta({ examples: [0] })
      .describe("-1 when a signal ended the command"),
    signal: z.int().optional().describe("Number of the signal that ended the command"),
    duration_ms: z.int().meta({ examples: [42] }),
    encoding: z.enum(["utf-8", "base64"]).describe("base64 for both outputs when either is not UTF-8"),
  })
  .meta({ id: "ExecResult" });
export type ExecResult = z.infer<typeof execResultSchema>;

export const backgroundExecSchema = z
  .object({
    sandbox_id: idOf("capsule"),
    cmd: like("python3"),
    pid: z.int().meta({ examples: [512] }),
    tag: like("proc-1a2b3c4d"),
  })
  .meta({ id: "BackgroundExec" });
export type BackgroundExec = z.infer<typeof backgroundExecSchema>;

export const processSchema = z
  .object({
    pid: z.int().meta({ examples: [512] }),
    tag: like("proc-1a2b3c4d").optional(),
    cmd: like("python3"),
    args: z.array(z.string()).optional(),
    cwd: z.string().optional(),
    user: z.string().optional(),
    pty: z.boolean().optional().describe("It has a terminal"),
    seq: z.int().optional().describe("Bytes of output so far"),
  })
  .meta({ id: "Process" });
export type Process = z.infer<typeof processSchema>;

export const processListSchema = z.object({ processes: z.array(processSchema) }).meta({ id: "ProcessList" });
export type ProcessList = z.infer<typeof processListSchema>;

export const killQuerySchema = z.object({
  signal: z
    .string()
    .default("SIGKILL")
    .describe("Name or number of the signal, e.g. SIGTERM, TERM or 15; SIGKILL for anything else"),
});

/** `?from_seq=` and `?encoding=` of the stream of a process. */
export const processStreamQuerySchema = z.object({
  from_seq: z.coerce.number().int().min(0).optional(),
  encoding: z.enum(["utf-8", "base64"]).default("utf-8"),
});

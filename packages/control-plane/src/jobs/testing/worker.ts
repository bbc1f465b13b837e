/** A process that works on the jobs of the tests, until it is killed in the middle of one. */
import { Database } from "../../db/database.ts";
import { silent } from "../../testing/postgres.ts";
import { Jobs } from "../jobs.ts";
import { jobDeps } from "./deps.ts";
import { stuck, TEST_TIMES } from "./types.ts";

const jobs = new Jobs(jobDeps(new Database(process.argv[2] ?? "", silent)), [stuck], TEST_TIMES).start();
await jobs.started;
process.send?.("works");

/** Entry of the `wrenn` command. */
import { runProgram } from "./program.ts";

// A reader that has seen enough, such as `head`, is no error. A command that has more to do then listens itself.
for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
    if (stream.listenerCount("error") === 1) process.exit();
  });
}

await runProgram(process.argv.slice(2));

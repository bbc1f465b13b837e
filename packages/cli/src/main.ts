/** Entry of the `wrenn` command. */
import { runProgram } from "./program.ts";

// A reader that has seen enough, such as `head`, is no error.
for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit();
    throw error;
  });
}

await runProgram(process.argv.slice(2));

/** REST schemas of ports that programs in a capsule listen on. */
import { z } from "zod";
import { like } from "./common.ts";

export const portSchema = z
  .object({
    port: z.int().meta({ examples: [8080] }),
    address: like("127.0.0.1").describe("Where it listens, e.g. 127.0.0.1 or ::"),
    pid: z.int().optional(),
    process: like("python3").optional().describe("Name of the program"),
  })
  .meta({ id: "Port" });
export type Port = z.infer<typeof portSchema>;

export const portListSchema = z.object({ ports: z.array(portSchema) }).meta({ id: "PortList" });
export type PortList = z.infer<typeof portListSchema>;

/** REST schemas of ports that programs in a capsule listen on. */
import { z } from "zod";

export const portSchema = z
  .object({
    port: z.int(),
    address: z.string().describe("Where it listens, e.g. 127.0.0.1 or ::"),
    pid: z.int().optional(),
    process: z.string().optional().describe("Name of the program"),
  })
  .meta({ id: "Port" });
export type Port = z.infer<typeof portSchema>;

export const portListSchema = z.object({ ports: z.array(portSchema) }).meta({ id: "PortList" });
export type PortList = z.infer<typeof portListSchema>;

/** The path parameters of the routes of administrators. */
import { z } from "zod";

export const adminTeamParams = z.object({ id: z.string().describe("Id of the team") });
export const adminUserParams = z.object({ id: z.string().describe("Id of the user") });

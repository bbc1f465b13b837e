/** The path parameters of the routes of an invitation that one has. */
import { z } from "zod";

export const ownInvitationParams = z.object({ id: z.string().describe("Id of the invitation") });

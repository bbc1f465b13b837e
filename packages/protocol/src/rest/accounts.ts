/** REST schemas of accounts: signing up and in, sessions, one's own profile, finding other users. */
import { z } from "zod";
import { ROLES } from "../access.ts";
import { time } from "./capsules.ts";
import { idOf, like, plain } from "./common.ts";

/** Characters of a password. */
export const PASSWORD = { min: 8, max: 200 } as const;
const MAX_EMAIL = 254;
const MAX_NAME = 100;

/** The pattern of HTML's e-mail fields: it takes `admin@localhost` too. */
export const emailSchema = like("ada@example.com")
  .trim()
  .toLowerCase()
  .max(MAX_EMAIL)
  .regex(z.regexes.html5Email, "must be an e-mail address");

/** Controls, halves of characters, and what turns text around or is not seen; but the joiners that some scripts need. */
const UNSEEN = /(?![\u200c\u200d])[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;
const LINK = /:\/\/|www\./i;

/** Names stand in mails to others. */
export const personName = like("Ada Lovelace")
  .trim()
  .min(1)
  .max(MAX_NAME)
  .refine((name) => !UNSEEN.test(name), "must not contain control characters or invisible ones")
  .refine((name) => !LINK.test(name), "must not contain a link");

const newPassword = like("correct horse battery").min(PASSWORD.min).max(PASSWORD.max);
/** One that exists already, of whatever length. */
const oldPassword = like("tr0ub4dor and 3").max(PASSWORD.max);
const mailToken = like("0123456789abcdef0123456789abcdef").regex(
  /^[0-9a-f]{32}$/,
  "must be the 32 hex digits of the link",
);

export const authSchema = z
  .object({
    token: like("eyJhbGciOiJIUzI1NiJ9.e30.c2lnbmVk").describe("For the header Authorization: Bearer"),
    user_id: idOf("user"),
    team_id: idOf("team").optional().describe("The team that the session is in; absent for who is in none"),
    email: like("ada@example.com"),
    name: like("Ada Lovelace"),
  })
  .meta({ id: "Auth" });
export type Auth = z.infer<typeof authSchema>;

export const signupSchema = z
  .object({ email: emailSchema, password: newPassword, name: personName })
  .meta({ id: "Signup" });
export const signupAnswerSchema = z
  .object({ message: like("Follow the link in the mail that was sent to you.") })
  .meta({ id: "SignupAnswer" });
export const activateSchema = z.object({ token: mailToken }).meta({ id: "Activate" });
export const loginSchema = z.object({ email: emailSchema, password: oldPassword }).meta({ id: "Login" });
export const switchTeamSchema = z.object({ team_id: idOf("team") }).meta({ id: "SwitchTeam" });

export const meSchema = z
  .object({
    user_id: idOf("user"),
    name: like("Ada Lovelace"),
    email: like("ada@example.com"),
    is_admin: z.boolean().describe("Whether the user is an administrator of the platform"),
    team_id: idOf("team").optional().describe("The team that the session is in"),
    role: z.enum(ROLES).optional().describe("The role in that team"),
    has_password: z.boolean(),
    providers: z.array(like("github")).describe("Providers that the user can sign in with"),
  })
  .meta({ id: "Me" });
export type Me = z.infer<typeof meSchema>;

export const updateMeSchema = z.object({ name: personName }).meta({ id: "UpdateMe" });
export const deleteMeSchema = z
  .object({ confirmation: emailSchema.describe("The user's own e-mail address") })
  .meta({ id: "DeleteMe" });

export const changePasswordSchema = z
  .object({
    current_password: oldPassword.optional().describe("Required of users who have a password"),
    new_password: newPassword,
    confirm_password: z.string().optional().describe("The new password again, required of users who have none yet"),
  })
  .meta({ id: "ChangePassword" });
export const requestResetSchema = z.object({ email: emailSchema }).meta({ id: "RequestPasswordReset" });
export const confirmResetSchema = z
  .object({ token: mailToken, new_password: newPassword })
  .meta({ id: "ConfirmPasswordReset" });

export const sessionSchema = z
  .object({
    id: idOf("session"),
    created_at: time,
    expires_at: time,
    source_address: like("192.0.2.7").optional().describe("Where it was begun"),
    user_agent: like("Mozilla/5.0").optional(),
    current: z.boolean().describe("Whether it is the one that asks"),
  })
  .meta({ id: "Session" });
export type Session = z.infer<typeof sessionSchema>;

export const searchUsersSchema = z.object({
  email: z
    .string()
    .trim()
    .toLowerCase()
    .min(3)
    .max(MAX_EMAIL)
    .regex(plain(".+@.*"), "must be the beginning of an address, up to its @ at least"),
});
export const foundUserSchema = z
  .object({ user_id: idOf("user"), email: like("ada@example.com") })
  .meta({ id: "FoundUser" });
export type FoundUser = z.infer<typeof foundUserSchema>;

export const connectSchema = z
  .object({
    auth_url: like("https://github.com/login/oauth/authorize?client_id=wrenn").describe(
      "Where the browser goes to connect the account",
    ),
  })
  .meta({ id: "ConnectProvider" });

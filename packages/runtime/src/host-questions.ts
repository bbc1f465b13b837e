/** What the supervisor of one box asks its servers, so that the host of the box enrols as any other does. */

export const HOST_QUESTIONS = {
  /** the control plane: a registration token, undefined where the box is no host */
  token: "host-token",
  /** the control plane: whether the host is reached */
  online: "host-online",
  /** the host agent: to enrol, or to go on with what it has */
  join: "join",
} as const;

export interface JoinRequest {
  /** URL */
  readonly controlPlane: string;
  /** for one registration, where it is needed */
  readonly token: string;
  /** not with the credentials that are kept: the control plane does not reach the host with them */
  readonly anew: boolean;
}

/** POST /v1/admin/capsules/{id}/snapshot: a template for all teams. */
import { parseId } from "@wrenn/protocol/ids";
import { offerCapsuleSchema, templateSchema } from "@wrenn/protocol/rest/snapshots";
import { offerCapsule as offer } from "../../capsules/offer.ts";
import { FOR_PLATFORM } from "../access.ts";
import { capsuleParams } from "../capsules/params.ts";
import { HOST_ERRORS } from "../guest-call.ts";
import { errors, type Route } from "../route.ts";
import { snapshotToTemplate } from "../snapshots/view.ts";

export const offerCapsule: Route = (app, { capsules }) => {
  app.route({
    method: "POST",
    url: "/v1/admin/capsules/:id/snapshot",
    config: { access: FOR_PLATFORM, audit: { resource: "template", action: "create", scope: "admin" } },
    schema: {
      operationId: "adminOfferCapsule",
      tags: ["Administration"],
      summary: "Make a capsule of the platform's own team a template for all teams, and destroy it",
      description: "A template of the platform that has the name is replaced, once no capsule of it is left.",
      params: capsuleParams,
      body: offerCapsuleSchema,
      response: {
        201: templateSchema,
        ...errors(
          404,
          409,
          "invalid_state",
          "name_reserved",
          "template_name_taken",
          "snapshot_in_use",
          "quota_exceeded",
          502,
          ...HOST_ERRORS,
          507,
        ),
      },
    },
    handler: async (request, reply) => {
      const row = await offer(capsules, parseId("capsule", request.params.id), request.body.name);
      request.audited = { resourceId: row.name, metadata: { sandbox_id: request.params.id } };
      return reply.code(201).send(snapshotToTemplate(row));
    },
  });
};

/** POST /v1/hosts/register: a host enrols with its one-time token and gets its certificate. */
import { hostCredentialsSchema, registerHostSchema } from "@wrenn/protocol/rest/hosts";
import { registerHost as register } from "../../hosts/enrol.ts";
import { ANYONE } from "../access.ts";
import { errors, type Route } from "../route.ts";
import { auditedHost } from "./params.ts";
import { toCredentials } from "./view.ts";

export const registerHost: Route = (app, { enrolment }) => {
  app.route({
    method: "POST",
    url: "/v1/hosts/register",
    config: { access: ANYONE, audit: { resource: "host", action: "register", scope: "admin" } },
    schema: {
      operationId: "registerHost",
      tags: ["Hosts"],
      summary: "Enrol this host",
      body: registerHostSchema,
      response: { 201: hostCredentialsSchema, ...errors(400, 404, 409) },
    },
    handler: async (request, reply) => {
      const { cpu_cores: cpuCores, memory_mb: memoryMb, disk_gb: diskGb, ...rest } = request.body;
      const diskMb = diskGb === undefined ? undefined : diskGb * 1024;
      const credentials = await register(enrolment, { ...rest, cpuCores, memoryMb, diskMb });
      request.audited = auditedHost(credentials.row, { address: rest.address });
      return reply.code(201).send(toCredentials(credentials));
    },
  });
};

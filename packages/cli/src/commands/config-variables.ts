/** Which variable makes which setting, for `wrenn config` to say. */

/** By the names of settings, or how they begin. */
const VARIABLES: Readonly<Record<string, string>> = {
  "paths.dir": "WRENN_DIR",
  "paths.cache": "WRENN_CACHE_DIR",
  "control_plane.listen": "WRENN_CP_LISTEN_ADDR",
  "control_plane.database": "DATABASE_URL",
  "control_plane.logLevel": "LOG_LEVEL",
  "control_plane.quotas.capsules": "WRENN_TEAM_MAX_CAPSULES",
  "control_plane.quotas.vcpus": "WRENN_TEAM_MAX_VCPUS",
  "control_plane.quotas.memoryMb": "WRENN_TEAM_MAX_MEMORY_MB",
  "control_plane.quotas.diskMb": "WRENN_TEAM_MAX_DISK_MB",
  "control_plane.quotas.snapshots": "WRENN_TEAM_MAX_SNAPSHOTS",
  "control_plane.localHost": "WRENN_LOCAL_HOST",
  "control_plane.placement.minFreeDiskMb": "WRENN_MIN_FREE_DISK_MB",
  "control_plane.placement.memoryOvercommit": "WRENN_MEMORY_OVERCOMMIT",
  "control_plane.placement.cpuOvercommit": "WRENN_CPU_OVERCOMMIT",
  "control_plane.placement.diskOvercommit": "WRENN_DISK_OVERCOMMIT",
  "control_plane.authority": "WRENN_CA_CERT, WRENN_CA_KEY",
  "control_plane.metricsToken": "WRENN_METRICS_TOKEN",
  "control_plane.corsOrigins": "WRENN_CORS_ORIGINS",
  "control_plane.secrets.session": "JWT_SECRET",
  "control_plane.secrets.encryption": "WRENN_ENCRYPTION_KEY",
  "control_plane.localKey": "WRENN_LOCAL_KEY",
  "control_plane.newSecrets": "WRENN_NEW_SECRETS",
  "control_plane.accounts.publicUrl": "CP_PUBLIC_URL",
  "control_plane.accounts.dashboardUrl": "OAUTH_REDIRECT_URL",
  "control_plane.accounts.smtp": "SMTP_HOST",
  "control_plane.accounts.smtp.port": "SMTP_PORT",
  "control_plane.accounts.smtp.tls": "SMTP_TLS",
  "control_plane.accounts.smtp.auth": "SMTP_USERNAME, SMTP_PASSWORD",
  "control_plane.accounts.smtp.auth.user": "SMTP_USERNAME",
  "control_plane.accounts.smtp.auth.pass": "SMTP_PASSWORD",
  "control_plane.accounts.smtp.from": "SMTP_FROM_EMAIL",
  "control_plane.accounts.admin": "WRENN_ADMIN_EMAIL, WRENN_ADMIN_PASSWORD",
  "control_plane.accounts.admin.email": "WRENN_ADMIN_EMAIL",
  "control_plane.accounts.admin.password": "WRENN_ADMIN_PASSWORD",
  "control_plane.accounts.github": "OAUTH_GITHUB_CLIENT_ID, OAUTH_GITHUB_CLIENT_SECRET",
  "control_plane.accounts.github.clientId": "OAUTH_GITHUB_CLIENT_ID",
  "control_plane.accounts.github.clientSecret": "OAUTH_GITHUB_CLIENT_SECRET",
  "control_plane.accounts.github.url": "OAUTH_GITHUB_URL",
  "control_plane.accounts.github.apiUrl": "OAUTH_GITHUB_API_URL",
  "control_plane.accounts.trustedProxies": "WRENN_TRUSTED_PROXIES",
  "control_plane.accounts.rateLimits.perKeyPerSecond": "WRENN_RATE_LIMIT_PER_KEY",
  "control_plane.accounts.rateLimits.loginPerMinute": "WRENN_RATE_LIMIT_LOGIN",
  "control_plane.accounts.rateLimits.loginPerAddressPerMinute": "WRENN_RATE_LIMIT_LOGIN_ADDRESS",
  "control_plane.accounts.rateLimits.signupPerMinute": "WRENN_RATE_LIMIT_SIGNUP",
  "control_plane.accounts.rateLimits.resetPerMinute": "WRENN_RATE_LIMIT_RESET",
  "control_plane.accounts.rateLimits.searchPerMinute": "WRENN_RATE_LIMIT_SEARCH",
  "control_plane.accounts.rateLimits.invitationsPerHour": "WRENN_RATE_LIMIT_INVITE",
  "control_plane.accounts.rateLimits.channelTestPerMinute": "WRENN_RATE_LIMIT_CHANNEL_TEST",
  "control_plane.webhookAllow": "WRENN_WEBHOOK_ALLOW",
  "control_plane.byocAllow": "WRENN_BYOC_ALLOW",
  "host_agent.logLevel": "LOG_LEVEL",
  "host_agent.listen": "WRENN_HOST_LISTEN_ADDR",
  "host_agent.address": "WRENN_HOST_ADDRESS",
  "host_agent.controlPlane": "WRENN_CP_URL",
  "host_agent.slots": "WRENN_SLOTS",
  "host_agent.slotPool": "WRENN_SLOT_POOL",
  "host_agent.createConcurrency": "WRENN_CREATE_CONCURRENCY",
  "host_agent.minFreeDiskMb": "WRENN_MIN_FREE_DISK_MB",
  "host_agent.warmPool": "WRENN_WARM_POOL",
  "host_agent.condense.mergeAbove": "WRENN_MERGE_MB",
  "host_agent.condense.maxLayers": "WRENN_MAX_DISK_LAYERS",
  "host_agent.failpoints": "WRENN_FAILPOINTS",
  "host_agent.kernel": "WRENN_KERNEL",
  "host_agent.kernelModules": "WRENN_KERNEL_MODULES",
  "host_agent.qemu": "WRENN_QEMU",
};

/** Those that make a setting; empty for what follows from others. */
export function variablesOf(setting: string): string {
  const names = setting.split(".");
  const beginnings = names.map((_name, i) => names.slice(0, names.length - i).join("."));
  return beginnings.map((beginning) => VARIABLES[beginning]).find((variables) => variables !== undefined) ?? "";
}

/** Whether some setting is said to be made by it. */
export function makesSetting(variable: string): boolean {
  return Object.values(VARIABLES).some((variables) => variables.split(", ").includes(variable));
}

ARG NODE_IMAGE=node:24-bookworm-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY stack/copy-scripts.mjs stack/
COPY src src
RUN npm run build && npm prune --omit=dev --ignore-scripts --no-audit --no-fund \
  # Types, maps and sources of packages are for programmers.
  && find node_modules dist \( -name '*.d.ts' -o -name '*.d.cts' -o -name '*.d.mts' -o -name '*.map' \) -type f -delete

# Node and the libraries that it is linked with, and nothing else: no shell, no package manager, no npm.
FROM ${NODE_IMAGE} AS runtime
RUN mkdir -p /runtime/usr/local/bin /runtime/etc \
  && cp /usr/local/bin/node /runtime/usr/local/bin/ \
  && ldd /usr/local/bin/node | grep -o '/[^ ]*' | xargs -I{} cp --parents --dereference {} /runtime \
  && echo 'projector:x:65532:65532::/app:/sbin/nologin' > /runtime/etc/passwd \
  && echo 'projector:x:65532:' > /runtime/etc/group \
  && install -d -m 1777 /runtime/tmp

FROM scratch
COPY --from=runtime /runtime /
ENV NODE_ENV=production PATH=/usr/local/bin
WORKDIR /app
COPY package.json LICENSE ./
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY connectors connectors
# By number: an orchestrator that refuses root cannot look names up.
USER 65532:65532
EXPOSE 9464
# Alive, not ready: whoever restarts unhealthy containers must not do so because Redis is away.
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s CMD ["node", "dist/healthcheck.js"]
# Compose starts an init in front of it (init: true); elsewhere use docker run --init. The worker handles SIGTERM itself.
STOPSIGNAL SIGTERM
CMD ["node", "dist/main.js", "run"]

ARG NODE_IMAGE=node:24-bookworm-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY stack/copy-scripts.mjs stack/
COPY src src
RUN npm run build && npm prune --omit=dev --ignore-scripts --no-audit --no-fund \
  # The worker does not read type declarations and source maps, so they are removed to keep the image small.
  && find node_modules dist \( -name '*.d.ts' -o -name '*.d.cts' -o -name '*.d.mts' -o -name '*.map' \) -type f -delete

# The runtime contains only Node and its shared libraries: no shell, no package manager, no npm.
FROM ${NODE_IMAGE} AS runtime
COPY --from=build /app/node_modules /app/node_modules
# Native addons (@node-rs/crc32) need shared libraries that Node itself does not need.
RUN mkdir -p /runtime/usr/local/bin /runtime/etc \
  && cp /usr/local/bin/node /runtime/usr/local/bin/ \
  && for file in /usr/local/bin/node $(find /app/node_modules -name '*.node'); do ldd "$file" | grep -o '/[^ ]*'; done \
    | sort -u | xargs -I{} cp --parents --dereference {} /runtime \
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
# The user is numeric, because Kubernetes can check runAsNonRoot only for a numeric user.
USER 65532:65532
EXPOSE 9464
# This checks liveness, not readiness: a tool that restarts unhealthy containers must not act while Redis is unreachable.
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s CMD ["node", "dist/healthcheck.js"]
# docker-compose.yml sets init: true; with docker run, use --init. The worker handles SIGTERM itself.
STOPSIGNAL SIGTERM
# So `docker run ... order-projector lag` runs a command of the projector.
ENTRYPOINT ["node", "dist/main.js"]
CMD ["run"]

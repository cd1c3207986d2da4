/* Names of span attributes, all of them here. Those of HTTP are of the OpenTelemetry semantic conventions 1.37 (stable), the
 * gen_ai ones of the GenAI conventions that left them after that version and are still in development: when those change,
 * this is the place. What begins with "akidb." is this service's own. */
#ifndef TELEMETRY_SEMANTIC_NAMES_H
#define TELEMETRY_SEMANTIC_NAMES_H

#define NAME_HTTP_METHOD "http.request.method"
#define NAME_HTTP_ROUTE "http.route"
#define NAME_HTTP_STATUS "http.response.status_code"
#define NAME_HTTP_REQUEST_BYTES "http.request.body.size"
#define NAME_HTTP_RESPONSE_BYTES "http.response.body.size"
#define NAME_URL_SCHEME "url.scheme"
#define NAME_URL_PATH "url.path"
#define NAME_ERROR_TYPE "error.type"
#define NAME_CLIENT_ADDRESS "client.address"
#define NAME_SERVER_PORT "server.port"
#define NAME_USER_AGENT "user_agent.original"

#define NAME_GEN_AI_OPERATION "gen_ai.operation.name"
#define NAME_GEN_AI_OPERATION_EMBEDDINGS "embeddings"
#define NAME_GEN_AI_PROVIDER "gen_ai.provider.name"
#define NAME_GEN_AI_PROVIDER_SELF "akidb"
#define NAME_GEN_AI_REQUEST_MODEL "gen_ai.request.model"
#define NAME_GEN_AI_RESPONSE_MODEL "gen_ai.response.model"
#define NAME_GEN_AI_INPUT_TOKENS "gen_ai.usage.input_tokens"
#define NAME_GEN_AI_DIMENSION "gen_ai.embeddings.dimension.count"

#define NAME_REQUEST_ID "akidb.request.id"
#define NAME_CLIENT_NAME "akidb.client.name"
#define NAME_TEXTS "akidb.texts"
#define NAME_TRUNCATED "akidb.texts.truncated"
#define NAME_PASSES "akidb.passes"
#define NAME_PASS_TEXTS "akidb.pass.texts"
#define NAME_PASS_TOKENS "akidb.pass.tokens"
#define NAME_DEVICE "akidb.device"

#endif

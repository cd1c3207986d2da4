#include "server/routes.h"

#include "base/json_text.h"
#include "http/request.h"
#include "server/handlers.h"

#include <string.h>

/* A route with a body, and one without, of a dialect's operation. */
#define EMBEDS(path, description, metric, operation)                                                         \
    {                                                                                                        \
        "POST", path, description, API_ROLE_EMBED, metric, embed_route_handle, embed_route_resume,           \
            ROUTE_NOT_ADMIN, &(operation)                                                                    \
    }
#define TELLS(path, description, roles, metric, operation)                                                   \
    {                                                                                                        \
        "GET", path, description, roles, metric, embed_route_handle, NULL, ROUTE_NOT_ADMIN, &(operation)     \
    }

/* A path may have {model} in it, which stands for one or more characters; rows without it come first. */
const route route_table[] = {
    {"POST", "/api/v1/embed", "vectors for a list of texts", API_ROLE_EMBED, METRIC_ROUTE_EMBED,
     embed_route_handle, embed_route_resume, ROUTE_NOT_ADMIN, &native_embed},
    {"POST", "/api/v1/rerank", "documents in the order in which they answer a query", API_ROLE_EMBED,
     METRIC_ROUTE_RERANK, embed_route_handle, embed_route_resume, ROUTE_NOT_ADMIN, &native_rerank},
    TELLS("/api/v1/models", "the served models, their phase and memory", API_ROLES_ANY, METRIC_ROUTE_MODELS,
          native_models),
    /* OpenAI, Azure, Jina, Voyage */
    EMBEDS("/v1/embeddings", "OpenAI: embeddings", METRIC_ROUTE_OPENAI, openai_embeddings),
    EMBEDS("/embeddings", "as /v1/embeddings; with the field content as /embedding", METRIC_ROUTE_OPENAI,
           llamacpp_embeddings),
    EMBEDS("/openai/v1/embeddings", "as /v1/embeddings", METRIC_ROUTE_OPENAI, openai_embeddings),
    EMBEDS("/openai/deployments/{model}/embeddings", "Azure: embeddings", METRIC_ROUTE_OPENAI,
           openai_deployment_embeddings),
    TELLS("/v1/models", "OpenAI: the models", API_ROLES_ANY, METRIC_ROUTE_MODELS, openai_models),
    TELLS("/models", "as /v1/models", API_ROLES_ANY, METRIC_ROUTE_MODELS, openai_models),
    TELLS("/v1/models/{model}", "OpenAI: one model", API_ROLES_ANY, METRIC_ROUTE_MODELS, openai_model),
    /* TEI */
    EMBEDS("/embed", "TEI: vectors", METRIC_ROUTE_TEI_EMBED, tei_embed),
    EMBEDS("/pipeline/feature-extraction/{model}", "as /embed", METRIC_ROUTE_TEI_EMBED, tei_embed),
    EMBEDS("/models/{model}/pipeline/feature-extraction", "as /embed", METRIC_ROUTE_TEI_EMBED, tei_embed),
    EMBEDS("/invocations", "SageMaker: as POST /", METRIC_ROUTE_TEI_EMBED, tei_root),
    EMBEDS("/similarity", "TEI: cosines of a sentence to others", METRIC_ROUTE_TEI_SIMILARITY,
           tei_similarity),
    EMBEDS("/embed_all", "TEI: a vector for every token", METRIC_ROUTE_TEI_EMBED_ALL, tei_embed_all),
    EMBEDS("/embed_sparse", "TEI: weights of token ids", METRIC_ROUTE_TEI_EMBED_SPARSE, tei_embed_sparse),
    EMBEDS("/rerank", "TEI: ranked texts; also in the forms of /v1/rerank", METRIC_ROUTE_RERANK, tei_rerank),
    EMBEDS("/predict", "TEI: labels of texts or pairs", METRIC_ROUTE_PREDICT, tei_predict),
    EMBEDS("/tokenize", "TEI, llama.cpp: tokens of texts", METRIC_ROUTE_TOKENIZE, tei_tokenize),
    EMBEDS("/decode", "TEI: texts of token ids", METRIC_ROUTE_DECODE, tei_decode),
    TELLS("/info", "TEI: the model and the limits", API_ROLES_ANY, METRIC_ROUTE_INFO, tei_info),
    {"GET", "/ping", "SageMaker: as /health/ready", 0, METRIC_ROUTE_HEALTH, health_ready, NULL,
     ROUTE_EVERYWHERE, NULL},
    {"GET", "/health", "as /health/ready", 0, METRIC_ROUTE_HEALTH, health_ready, NULL, ROUTE_EVERYWHERE,
     NULL},
    /* Ollama */
    EMBEDS("/api/embed", "Ollama: vectors", METRIC_ROUTE_OLLAMA_EMBED, ollama_embed),
    EMBEDS("/api/embeddings", "Ollama: the vector of one text", METRIC_ROUTE_OLLAMA_EMBEDDINGS,
           ollama_embeddings),
    EMBEDS("/api/show", "Ollama: details of the model", METRIC_ROUTE_OLLAMA_SHOW, ollama_show),
    TELLS("/api/tags", "Ollama: the models", API_ROLES_ANY, METRIC_ROUTE_OLLAMA_TAGS, ollama_tags),
    TELLS("/api/ps", "Ollama: the loaded models", API_ROLES_ANY, METRIC_ROUTE_OLLAMA_PS, ollama_ps),
    TELLS("/api/version", "Ollama: the version whose interface this is", 0, METRIC_ROUTE_OLLAMA_VERSION,
          ollama_version),
    {"POST", "/api/pull", "Ollama: 200 for the served model, which is there", API_ROLE_OPERATOR,
     METRIC_ROUTE_OLLAMA_PULL, embed_route_handle, embed_route_resume, ROUTE_OPERATORS, &ollama_pull},
    /* Cohere */
    EMBEDS("/v1/embed", "Cohere: embeddings", METRIC_ROUTE_COHERE_V1, cohere_v1_embed),
    EMBEDS("/v2/embed", "Cohere: embeddings, second version", METRIC_ROUTE_COHERE_V2, cohere_v2_embed),
    /* Cohere, Jina, Voyage, vLLM: reranking */
    EMBEDS("/v1/rerank", "Cohere, Jina, Voyage, vLLM: ranked documents", METRIC_ROUTE_RERANK,
           cohere_v1_rerank),
    EMBEDS("/v2/rerank", "Cohere: ranked documents, second version", METRIC_ROUTE_RERANK, cohere_v2_rerank),
    EMBEDS("/reranking", "as /rerank", METRIC_ROUTE_RERANK, tei_rerank),
    EMBEDS("/v1/reranking", "as /v1/rerank", METRIC_ROUTE_RERANK, cohere_v1_rerank),
    EMBEDS("/v1/ranking", "NIM: ranked passages", METRIC_ROUTE_RERANK, nim_rerank),
    EMBEDS("/v1/retrieval/{model}/reranking", "as /v1/ranking", METRIC_ROUTE_RERANK, nim_rerank),
    EMBEDS("/v1/score", "vLLM: scores of pairs", METRIC_ROUTE_SCORE, vllm_score),
    EMBEDS("/score", "as /v1/score", METRIC_ROUTE_SCORE, vllm_score),
    EMBEDS("/pooling", "vLLM: vectors of texts or of tokens, or scores of classes", METRIC_ROUTE_POOLING,
           vllm_pooling),
    EMBEDS("/classify", "vLLM: classes of texts", METRIC_ROUTE_CLASSIFY, vllm_classify),
    /* KServe */
    TELLS("/v2", "KServe: the server", API_ROLES_ANY, METRIC_ROUTE_KSERVE, kserve_server),
    {"GET", "/v2/health/live", "as /health/live", 0, METRIC_ROUTE_LIVE, health_live, NULL, ROUTE_EVERYWHERE,
     NULL},
    {"GET", "/v2/health/ready", "as /health/ready", 0, METRIC_ROUTE_READY, health_ready, NULL,
     ROUTE_EVERYWHERE, NULL},
    TELLS("/v2/models/{model}/ready", "KServe: 200 when the model can be used", 0, METRIC_ROUTE_KSERVE,
          kserve_ready),
    EMBEDS("/v2/models/{model}/infer", "KServe: vectors", METRIC_ROUTE_KSERVE_INFER, kserve_infer),
    TELLS("/v2/models/{model}", "KServe: the model", API_ROLES_ANY, METRIC_ROUTE_KSERVE, kserve_model),
    /* Weaviate's text2vec-transformers */
    EMBEDS("/vectors", "Weaviate: the vector of one text", METRIC_ROUTE_WEAVIATE, weaviate_vectors),
    EMBEDS("/vectors/", "as /vectors", METRIC_ROUTE_WEAVIATE, weaviate_vectors),
    TELLS("/meta", "Weaviate: the model", API_ROLES_ANY, METRIC_ROUTE_META, weaviate_meta),
    {"GET", "/.well-known/live", "as /health/live", 0, METRIC_ROUTE_LIVE, health_live, NULL, ROUTE_EVERYWHERE,
     NULL},
    {"GET", "/.well-known/ready", "as /health/ready", 0, METRIC_ROUTE_READY, health_ready, NULL,
     ROUTE_EVERYWHERE, NULL},
    /* llama.cpp */
    EMBEDS("/embedding", "llama.cpp: vectors", METRIC_ROUTE_LLAMACPP, llamacpp_embedding),
    EMBEDS("/detokenize", "llama.cpp: the text of token ids", METRIC_ROUTE_DECODE, llamacpp_detokenize),
    {"GET", "/v1/health", "as /health/ready", 0, METRIC_ROUTE_HEALTH, health_ready, NULL, ROUTE_EVERYWHERE,
     NULL},
    {"GET", "/health/live", "200 while the process works", 0, METRIC_ROUTE_LIVE, health_live, NULL,
     ROUTE_EVERYWHERE},
    {"GET", "/health/ready", "200 when requests can be served, 503 otherwise", 0, METRIC_ROUTE_READY,
     health_ready, NULL, ROUTE_EVERYWHERE},
    {"GET", "/metrics", "metrics for Prometheus", API_ROLE_METRICS, METRIC_ROUTE_METRICS, metrics_route, NULL,
     ROUTE_EVERYWHERE},
    {"POST", "/admin/breaker/reset", "closes the circuit breakers of all devices", API_ROLE_OPERATOR,
     METRIC_ROUTE_ADMIN, breaker_route_reset, NULL, ROUTE_OPERATORS},
    {"POST", "/admin/breaker/forced-open",
     "keeps the best device from being called until the reset, where another one serves", API_ROLE_OPERATOR,
     METRIC_ROUTE_ADMIN, breaker_route_open, NULL, ROUTE_OPERATORS},
    {"POST", "/admin/breaker/disabled", "lets all calls to the best device through until the reset",
     API_ROLE_OPERATOR, METRIC_ROUTE_ADMIN, breaker_route_disable, NULL, ROUTE_OPERATORS},
    {"POST", "/admin/breaker/metrics-only",
     "lets all calls through and counts when the circuit breaker would have opened, until the reset",
     API_ROLE_OPERATOR, METRIC_ROUTE_ADMIN, breaker_route_watch, NULL, ROUTE_OPERATORS},
    {"POST", "/admin/models/{model}/load", "loads the model", API_ROLE_OPERATOR, METRIC_ROUTE_ADMIN_MODELS,
     models_route_load, NULL, ROUTE_OPERATORS, NULL},
    {"POST", "/admin/models/{model}/unload", "unloads the model when no request uses it", API_ROLE_OPERATOR,
     METRIC_ROUTE_ADMIN_MODELS, models_route_unload, NULL, ROUTE_OPERATORS, NULL},
    {"POST", "/admin/models/{model}/reload", "loads the model's files anew beside the ones that serve",
     API_ROLE_OPERATOR, METRIC_ROUTE_ADMIN_MODELS, models_route_reload, NULL, ROUTE_OPERATORS, NULL},
    {"GET", "/openapi.json", "these routes in OpenAPI 3.1", API_ROLES_ANY, METRIC_ROUTE_OPENAPI,
     openapi_route, NULL, ROUTE_EVERYWHERE, NULL},
    {"GET", "/docs", "for people: these routes, to read and to try", 0, METRIC_ROUTE_PAGES, page_route, NULL,
     ROUTE_PAGE, NULL},
    {"GET", "/ui", "for people: texts compared by their vectors", 0, METRIC_ROUTE_PAGES, page_route, NULL,
     ROUTE_PAGE, NULL},
    {"GET", "/ui/live", "for people: the metrics as live plots", 0, METRIC_ROUTE_PAGES, page_route, NULL,
     ROUTE_PAGE, NULL},
    {"GET", "/", "this list", API_ROLES_ANY, METRIC_ROUTE_INDEX, index_route, NULL, ROUTE_EVERYWHERE},
    EMBEDS("/", "TEI: vectors, or similarities", METRIC_ROUTE_TEI_EMBED, tei_root),
    {0},
};

static bool serves(const route *r, const char *method)
{
    return strcmp(r->method, method) == 0 || (strcmp(r->method, "GET") == 0 && strcmp(method, "HEAD") == 0);
}

bool routes_visible(const route *r, const server *s, bool admin)
{
    switch (r->place) {
    case ROUTE_EVERYWHERE:
        return true;
    case ROUTE_NOT_ADMIN:
        return !admin;
    case ROUTE_OPERATORS:
        return admin || s->keys != NULL;
    case ROUTE_PAGE:
        return !admin && s->settings.has_pages;
    }
    return false;
}

/* The rows of both tables, one after the other: from NULL to NULL. */
static const route *next_row(const route *r)
{
    static const route *const last = &route_table[sizeof route_table / sizeof route_table[0] - 1];
    if (r == NULL)
        return route_table;
    r++;
    if (r == last)
        r = grpc_route_table;
    return r->path != NULL ? r : NULL;
}

const route *routes_find(const char *method, const char *path, const char **allow)
{
    *allow = NULL;
    for (const route *r = next_row(NULL); r != NULL; r = next_row(r)) {
        if (!route_path_matches(r->path, path))
            continue;
        if (serves(r, method)) {
            *allow = NULL;
            return r;
        }
        const bool gets = strcmp(r->method, "GET") == 0;
        if (*allow != NULL && gets != (strcmp(*allow, "POST") != 0))
            *allow = "GET, HEAD, POST";
        else
            *allow = gets ? "GET, HEAD" : r->method;
    }
    return NULL;
}

metric_route routes_kind(const char *path)
{
    for (const route *r = next_row(NULL); r != NULL; r = next_row(r))
        if (route_path_matches(r->path, path))
            return r->metric;
    return METRIC_ROUTE_OTHER;
}

const api_operation *routes_api(const char *path, const char *method)
{
    const route *found = NULL;
    for (const route *r = next_row(NULL); r != NULL; r = next_row(r))
        if (route_path_matches(r->path, path) && (found == NULL || serves(r, method)))
            found = r;
    return found != NULL ? found->api : NULL;
}

#define MAX_INDEX_BYTES ((size_t)64 << 10)

void index_route(exchange *x)
{
    buf body;
    buf_init(&body, MAX_INDEX_BYTES);
    buf_printf(&body, "{\"name\":\"akidb-embed\",\"version\":\"%s\",\"model\":", aki_version());
    json_text_append_string(&body, model_set_default_name(x->owner->models));
    buf_append_string(&body, ",\"routes\":[");
    const char *separator = "";
    for (const route *r = route_table; r->path != NULL; r++) {
        if (!routes_visible(r, x->owner, x->admin))
            continue;
        buf_printf(&body, "%s{\"method\":\"%s\",\"path\":\"%s\",\"description\":\"%s\"}", separator,
                   r->method, r->path, r->description);
        separator = ",";
    }
    buf_append_string(&body, "]}\n");
    exchange_reply(x, 200, &body);
}

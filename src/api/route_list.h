/* The routes of all dialects, and the operation of each: server/routes.c makes its table of them, and api.h declares the operations. A list is a macro whose
 * parameters are macros, which make of a row what the place of use needs:
 *
 *   EMBEDS(path, description, metric, operation)         POST, for who may embed
 *   TELLS(path, description, roles, metric, operation)   GET; roles 0 = no API key is needed
 *   MANAGES(path, description, metric, operation)        POST, for operators
 *
 * A path may have {model} in it, which stands for one or more characters; of the rows that match a path the first one is taken. `metric` is the label in
 * telemetry/metric_table.h. */
#ifndef API_ROUTE_LIST_H
#define API_ROUTE_LIST_H

#define API_ROUTES(EMBEDS, TELLS, MANAGES)                                                                   \
    /* akidb-embed */                                                                                        \
    EMBEDS("/api/v1/embed", "vectors for a list of texts", METRIC_ROUTE_EMBED, native_embed)                 \
    EMBEDS("/api/v1/rerank", "documents in the order in which they answer a query", METRIC_ROUTE_RERANK,     \
           native_rerank)                                                                                    \
    TELLS("/api/v1/models", "the served models, their phase and memory", API_ROLES_ANY, METRIC_ROUTE_MODELS, \
          native_models)                                                                                     \
    /* OpenAI, Azure, Jina, Voyage */                                                                        \
    EMBEDS("/v1/embeddings", "OpenAI: embeddings", METRIC_ROUTE_OPENAI, openai_embeddings)                   \
    EMBEDS("/embeddings", "as /v1/embeddings; with the field content as /embedding", METRIC_ROUTE_OPENAI,    \
           llamacpp_embeddings)                                                                              \
    EMBEDS("/openai/v1/embeddings", "as /v1/embeddings", METRIC_ROUTE_OPENAI, openai_embeddings)             \
    EMBEDS("/openai/deployments/{model}/embeddings", "Azure: embeddings", METRIC_ROUTE_OPENAI,               \
           openai_deployment_embeddings)                                                                     \
    TELLS("/v1/models", "OpenAI: the models", API_ROLES_ANY, METRIC_ROUTE_MODELS, openai_models)             \
    TELLS("/models", "as /v1/models", API_ROLES_ANY, METRIC_ROUTE_MODELS, openai_models)                     \
    TELLS("/v1/models/{model}", "OpenAI: one model", API_ROLES_ANY, METRIC_ROUTE_MODELS, openai_model)       \
    /* TEI */                                                                                                \
    EMBEDS("/embed", "TEI: vectors", METRIC_ROUTE_TEI_EMBED, tei_embed)                                      \
    EMBEDS("/pipeline/feature-extraction/{model}", "as /embed", METRIC_ROUTE_TEI_EMBED, tei_embed)           \
    EMBEDS("/models/{model}/pipeline/feature-extraction", "as /embed", METRIC_ROUTE_TEI_EMBED, tei_embed)    \
    EMBEDS("/invocations", "SageMaker: as POST /", METRIC_ROUTE_TEI_EMBED, tei_root)                         \
    EMBEDS("/", "TEI: vectors, or similarities", METRIC_ROUTE_TEI_EMBED, tei_root)                           \
    EMBEDS("/similarity", "TEI: cosines of a sentence to others", METRIC_ROUTE_TEI_SIMILARITY,               \
           tei_similarity)                                                                                   \
    EMBEDS("/embed_all", "TEI: a vector for every token", METRIC_ROUTE_TEI_EMBED_ALL, tei_embed_all)         \
    EMBEDS("/embed_sparse", "TEI: weights of token ids", METRIC_ROUTE_TEI_EMBED_SPARSE, tei_embed_sparse)    \
    EMBEDS("/rerank", "TEI: ranked texts; also in the forms of /v1/rerank", METRIC_ROUTE_RERANK, tei_rerank) \
    EMBEDS("/predict", "TEI: labels of texts or pairs", METRIC_ROUTE_PREDICT, tei_predict)                   \
    EMBEDS("/tokenize", "TEI, llama.cpp: tokens of texts", METRIC_ROUTE_TOKENIZE, tei_tokenize)              \
    EMBEDS("/decode", "TEI: texts of token ids", METRIC_ROUTE_DECODE, tei_decode)                            \
    TELLS("/info", "TEI: the model and the limits", API_ROLES_ANY, METRIC_ROUTE_INFO, tei_info)              \
    /* Ollama */                                                                                             \
    EMBEDS("/api/embed", "Ollama: vectors", METRIC_ROUTE_OLLAMA_EMBED, ollama_embed)                         \
    EMBEDS("/api/embeddings", "Ollama: the vector of one text", METRIC_ROUTE_OLLAMA_EMBEDDINGS,              \
           ollama_embeddings)                                                                                \
    EMBEDS("/api/show", "Ollama: details of the model", METRIC_ROUTE_OLLAMA_SHOW, ollama_show)               \
    TELLS("/api/tags", "Ollama: the models", API_ROLES_ANY, METRIC_ROUTE_OLLAMA_TAGS, ollama_tags)           \
    TELLS("/api/ps", "Ollama: the loaded models", API_ROLES_ANY, METRIC_ROUTE_OLLAMA_PS, ollama_ps)          \
    TELLS("/api/version", "Ollama: the version whose interface this is", 0, METRIC_ROUTE_OLLAMA_VERSION,     \
          ollama_version)                                                                                    \
    MANAGES("/api/pull", "Ollama: 200 for the served model, which is there", METRIC_ROUTE_OLLAMA_PULL,       \
            ollama_pull)                                                                                     \
    /* Cohere */                                                                                             \
    EMBEDS("/v1/embed", "Cohere: embeddings", METRIC_ROUTE_COHERE_V1, cohere_v1_embed)                       \
    EMBEDS("/v2/embed", "Cohere: embeddings, second version", METRIC_ROUTE_COHERE_V2, cohere_v2_embed)       \
    /* Cohere, Jina, Voyage, vLLM: reranking */                                                              \
    EMBEDS("/v1/rerank", "Cohere, Jina, Voyage, vLLM: ranked documents", METRIC_ROUTE_RERANK,                \
           cohere_v1_rerank)                                                                                 \
    EMBEDS("/v2/rerank", "Cohere: ranked documents, second version", METRIC_ROUTE_RERANK, cohere_v2_rerank)  \
    EMBEDS("/reranking", "as /rerank", METRIC_ROUTE_RERANK, tei_rerank)                                      \
    EMBEDS("/v1/reranking", "as /v1/rerank", METRIC_ROUTE_RERANK, cohere_v1_rerank)                          \
    EMBEDS("/v1/ranking", "NIM: ranked passages", METRIC_ROUTE_RERANK, nim_rerank)                           \
    EMBEDS("/v1/retrieval/{model}/reranking", "as /v1/ranking", METRIC_ROUTE_RERANK, nim_rerank)             \
    EMBEDS("/v1/score", "vLLM: scores of pairs", METRIC_ROUTE_SCORE, vllm_score)                             \
    EMBEDS("/score", "as /v1/score", METRIC_ROUTE_SCORE, vllm_score)                                         \
    EMBEDS("/pooling", "vLLM: vectors of texts or of tokens, or scores of classes", METRIC_ROUTE_POOLING,    \
           vllm_pooling)                                                                                     \
    EMBEDS("/classify", "vLLM: classes of texts", METRIC_ROUTE_CLASSIFY, vllm_classify)                      \
    /* KServe */                                                                                             \
    TELLS("/v2", "KServe: the server", API_ROLES_ANY, METRIC_ROUTE_KSERVE, kserve_server)                    \
    TELLS("/v2/models/{model}/ready", "KServe: 200 when the model can be used", 0, METRIC_ROUTE_KSERVE,      \
          kserve_ready)                                                                                      \
    EMBEDS("/v2/models/{model}/infer", "KServe: vectors", METRIC_ROUTE_KSERVE_INFER, kserve_infer)           \
    TELLS("/v2/models/{model}", "KServe: the model", API_ROLES_ANY, METRIC_ROUTE_KSERVE, kserve_model)       \
    /* Weaviate's text2vec-transformers */                                                                   \
    EMBEDS("/vectors", "Weaviate: the vector of one text", METRIC_ROUTE_WEAVIATE, weaviate_vectors)          \
    EMBEDS("/vectors/", "as /vectors", METRIC_ROUTE_WEAVIATE, weaviate_vectors)                              \
    TELLS("/meta", "Weaviate: the model", API_ROLES_ANY, METRIC_ROUTE_META, weaviate_meta)                   \
    /* llama.cpp */                                                                                          \
    EMBEDS("/embedding", "llama.cpp: vectors", METRIC_ROUTE_LLAMACPP, llamacpp_embedding)                    \
    EMBEDS("/detokenize", "llama.cpp: the text of token ids", METRIC_ROUTE_DECODE, llamacpp_detokenize)

#endif

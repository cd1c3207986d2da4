#include "server/routes.h"

#include "grpc/methods.h"
#include "server/handlers.h"
#include "server/message_stream.h"

/* A call with one reply, to one message or to all of a stream. */
#define CALL(path, roles, metric, operation)                                                                 \
    {                                                                                                        \
        "POST", path, "gRPC", roles, metric, embed_route_handle, embed_route_resume, ROUTE_NOT_ADMIN,        \
            &(operation), NULL                                                                               \
    }
/* A call with a stream of messages and one of replies. */
#define STREAM(path, roles, metric, operation, kind)                                                         \
    {                                                                                                        \
        "POST", path, "gRPC", roles, metric, message_stream_handle, message_stream_resume, ROUTE_NOT_ADMIN,  \
            &(operation), &(kind)                                                                            \
    }

/* Reflection and health ask for no key: clients send none there. */
const route grpc_route_table[] = {
    CALL("/tei.v1.Info/Info", API_ROLES_ANY, METRIC_ROUTE_INFO, grpc_tei_info),
    CALL("/tei.v1.Embed/Embed", API_ROLE_EMBED, METRIC_ROUTE_GRPC_EMBED, grpc_tei_embed),
    STREAM("/tei.v1.Embed/EmbedStream", API_ROLE_EMBED, METRIC_ROUTE_GRPC_EMBED_STREAM, grpc_tei_embed,
           message_stream),
    CALL("/tei.v1.Embed/EmbedSparse", API_ROLE_EMBED, METRIC_ROUTE_GRPC_OTHER, grpc_tei_embed_sparse),
    STREAM("/tei.v1.Embed/EmbedSparseStream", API_ROLE_EMBED, METRIC_ROUTE_GRPC_OTHER, grpc_tei_embed_sparse,
           message_stream),
    CALL("/tei.v1.Embed/EmbedAll", API_ROLE_EMBED, METRIC_ROUTE_GRPC_OTHER, grpc_tei_embed_all),
    STREAM("/tei.v1.Embed/EmbedAllStream", API_ROLE_EMBED, METRIC_ROUTE_GRPC_OTHER, grpc_tei_embed_all,
           message_stream),
    CALL("/tei.v1.Predict/Predict", API_ROLE_EMBED, METRIC_ROUTE_GRPC_OTHER, grpc_tei_predict),
    CALL("/tei.v1.Predict/PredictPair", API_ROLE_EMBED, METRIC_ROUTE_GRPC_OTHER, grpc_tei_predict_pair),
    STREAM("/tei.v1.Predict/PredictStream", API_ROLE_EMBED, METRIC_ROUTE_GRPC_OTHER, grpc_tei_predict,
           message_stream),
    STREAM("/tei.v1.Predict/PredictPairStream", API_ROLE_EMBED, METRIC_ROUTE_GRPC_OTHER,
           grpc_tei_predict_pair, message_stream),
    CALL("/tei.v1.Rerank/Rerank", API_ROLE_EMBED, METRIC_ROUTE_GRPC_OTHER, grpc_tei_rerank),
    CALL("/tei.v1.Rerank/RerankStream", API_ROLE_EMBED, METRIC_ROUTE_GRPC_OTHER, grpc_tei_rerank_stream),
    CALL("/tei.v1.Tokenize/Tokenize", API_ROLE_EMBED, METRIC_ROUTE_TOKENIZE, grpc_tei_tokenize),
    STREAM("/tei.v1.Tokenize/TokenizeStream", API_ROLE_EMBED, METRIC_ROUTE_TOKENIZE, grpc_tei_tokenize,
           message_stream),
    CALL("/tei.v1.Tokenize/Decode", API_ROLE_EMBED, METRIC_ROUTE_DECODE, grpc_tei_decode),
    STREAM("/tei.v1.Tokenize/DecodeStream", API_ROLE_EMBED, METRIC_ROUTE_DECODE, grpc_tei_decode,
           message_stream),
    CALL("/inference.GRPCInferenceService/ServerLive", 0, METRIC_ROUTE_LIVE, grpc_kserve_live),
    CALL("/inference.GRPCInferenceService/ServerReady", 0, METRIC_ROUTE_READY, grpc_kserve_ready),
    CALL("/inference.GRPCInferenceService/ModelReady", 0, METRIC_ROUTE_READY, grpc_kserve_model_ready),
    CALL("/inference.GRPCInferenceService/ServerMetadata", API_ROLES_ANY, METRIC_ROUTE_KSERVE,
         grpc_kserve_server),
    CALL("/inference.GRPCInferenceService/ModelMetadata", API_ROLES_ANY, METRIC_ROUTE_KSERVE,
         grpc_kserve_model),
    CALL("/inference.GRPCInferenceService/ModelInfer", API_ROLE_EMBED, METRIC_ROUTE_GRPC_INFER,
         grpc_kserve_infer),
    CALL("/grpc.health.v1.Health/Check", 0, METRIC_ROUTE_HEALTH, grpc_health_check),
    STREAM("/grpc.health.v1.Health/Watch", 0, METRIC_ROUTE_HEALTH, grpc_health_watch, watched_stream),
    STREAM("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", 0, METRIC_ROUTE_GRPC_OTHER,
           grpc_reflection, message_stream),
    STREAM("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", 0, METRIC_ROUTE_GRPC_OTHER,
           grpc_reflection, message_stream),
    {0},
};

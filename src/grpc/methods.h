/* The calls that are answered by gRPC: TEI's service, KServe's, health and reflection. The rows of the routes name them
 * (server/grpc_routes.c); each is an operation as those of api/api.h, with messages for bodies and replies, so that what is asked
 * goes the way of every other dialect: the limits, the errors and the vectors are the same.
 *
 * Of a stream each message is a call of its own, and one reply is written for it; where one reply answers the whole stream,
 * the messages are read as one body. */
#ifndef GRPC_METHODS_H
#define GRPC_METHODS_H

#include "api/api.h"

#define GRPC_MEDIA_TYPE "application/grpc"

extern const api_dialect grpc_dialect;

/* Of a path where nothing is. */
extern const api_operation grpc_unknown;

extern const api_operation grpc_tei_info, grpc_tei_embed, grpc_tei_embed_sparse, grpc_tei_embed_all,
    grpc_tei_predict, grpc_tei_predict_pair, grpc_tei_rerank, grpc_tei_rerank_stream, grpc_tei_tokenize,
    grpc_tei_decode;
extern const api_operation grpc_kserve_live, grpc_kserve_ready, grpc_kserve_model_ready, grpc_kserve_server,
    grpc_kserve_model, grpc_kserve_infer;
/* grpc_health_watch: its reply changes, and is to be sent again whenever it does. */
extern const api_operation grpc_health_check, grpc_health_watch;
extern const api_operation grpc_reflection;

/* True where a Content-Type (NULL = missing) says gRPC with Protocol Buffers. */
bool grpc_is_media_type(const char *content_type);

/* True for the name of a service in proto/, as in "tei.v1.Embed". */
bool grpc_has_service(const char *name, size_t length);

#endif

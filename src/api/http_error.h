/* Every error that the HTTP interface reports, in one table: code, HTTP status, type, what to do. The body is
 *
 *     {"error":{"message":"…","type":"…","param":"…" or null,"code":"…"}}
 *
 * docs/API.md lists the same table; a test holds the two together. */
#ifndef API_HTTP_ERROR_H
#define API_HTTP_ERROR_H

#include "akidb/embed.h"
#include "base/buf.h"

#define HTTP_TYPE_INVALID "invalid_request_error"
#define HTTP_TYPE_AUTHENTICATION "authentication_error"
#define HTTP_TYPE_PERMISSION "permission_error"
#define HTTP_TYPE_OVERLOADED "overloaded_error"
#define HTTP_TYPE_TIMEOUT "timeout_error"
#define HTTP_TYPE_UNAVAILABLE "unavailable_error"
#define HTTP_TYPE_SERVER "server_error"

/* X(symbol, code, HTTP status, type, what to do) */
#define HTTP_ERROR_TABLE(X)                                                                                  \
    X(HTTP_ERROR_BAD_REQUEST, "bad_request", 400, HTTP_TYPE_INVALID, "Correct the request's headers.")       \
    X(HTTP_ERROR_INVALID_JSON, "invalid_json", 400, HTTP_TYPE_INVALID,                                       \
      "Send one JSON object, like {\"texts\":[\"hello\"]}.")                                                 \
    X(HTTP_ERROR_INVALID_UTF8, "invalid_utf8", 400, HTTP_TYPE_INVALID, "Encode the body as UTF-8.")          \
    X(HTTP_ERROR_INVALID_TYPE, "invalid_type", 400, HTTP_TYPE_INVALID,                                       \
      "Correct the type of the field named in param.")                                                       \
    X(HTTP_ERROR_INVALID_VALUE, "invalid_value", 400, HTTP_TYPE_INVALID,                                     \
      "Correct the value of the field named in param.")                                                      \
    X(HTTP_ERROR_MISSING_FIELD, "missing_field", 400, HTTP_TYPE_INVALID,                                     \
      "Add the field: {\"texts\":[\"hello\"]}.")                                                             \
    X(HTTP_ERROR_UNKNOWN_FIELD, "unknown_field", 400, HTTP_TYPE_INVALID,                                     \
      "Correct the spelling, or leave the field out.")                                                       \
    X(HTTP_ERROR_EMPTY_INPUT, "empty_input", 400, HTTP_TYPE_INVALID, "Send at least one text.")              \
    X(HTTP_ERROR_EMPTY_TEXT, "empty_text", 400, HTTP_TYPE_INVALID,                                           \
      "Leave empty texts out, or send at least one character.")                                              \
    X(HTTP_ERROR_NO_TOKENS, "no_tokens", 400, HTTP_TYPE_INVALID,                                             \
      "Leave out texts of nothing but white space, control characters or unknown words; this model adds no " \
      "tokens of its own.")                                                                                  \
    X(HTTP_ERROR_TOO_MANY_TEXTS, "too_many_texts", 400, HTTP_TYPE_INVALID,                                   \
      "Split the texts over several requests.")                                                              \
    X(HTTP_ERROR_WRONG_TASK, "wrong_task", 400, HTTP_TYPE_INVALID,                                           \
      "Send the request to a service with a model of that kind.")                                            \
    X(HTTP_ERROR_TEXT_TOO_LONG, "text_too_long", 400, HTTP_TYPE_INVALID,                                     \
      "Shorten or split the text, or send \"truncate\":true.")                                               \
    X(HTTP_ERROR_INVALID_ENCODING, "invalid_encoding", 400, HTTP_TYPE_INVALID,                               \
      "Compress the body with gzip, whole, or send it without Content-Encoding.")                            \
    X(HTTP_ERROR_INVALID_MESSAGE, "invalid_message", 400, HTTP_TYPE_INVALID,                                 \
      "Send messages of the service's .proto file, each behind its five bytes of gRPC's framing.")           \
    X(HTTP_ERROR_UNAUTHORIZED, "invalid_api_key", 401, HTTP_TYPE_AUTHENTICATION,                             \
      "Send a valid API key: Authorization: Bearer KEY, or x-api-key: KEY.")                                 \
    X(HTTP_ERROR_ROLE_MISSING, "role_missing", 403, HTTP_TYPE_PERMISSION,                                    \
      "Use an API key that has the role, or have it added to the key's line in the file of --api-keys.")     \
    X(HTTP_ERROR_WEB_PAGE_REFUSED, "web_page_refused", 403, HTTP_TYPE_PERMISSION,                            \
      "Send it from a program such as curl, to the admin port's address.")                                   \
    X(HTTP_ERROR_NOT_FOUND, "not_found", 404, HTTP_TYPE_INVALID, "GET / lists the routes.")                  \
    X(HTTP_ERROR_MODEL_NOT_FOUND, "model_not_found", 404, HTTP_TYPE_INVALID,                                 \
      "Name the served model, or leave \"model\" out.")                                                      \
    X(HTTP_ERROR_METHOD_NOT_ALLOWED, "method_not_allowed", 405, HTTP_TYPE_INVALID,                           \
      "Use a method named in the Allow header.")                                                             \
    X(HTTP_ERROR_LAST_DEVICE, "last_device", 409, HTTP_TYPE_INVALID,                                         \
      "Stop the service (SIGTERM) to end its work, or leave the device as it is.")                           \
    X(HTTP_ERROR_BODY_TOO_LARGE, "body_too_large", 413, HTTP_TYPE_INVALID,                                   \
      "Split the texts over several requests.")                                                              \
    X(HTTP_ERROR_REQUEST_TOO_LONG, "request_too_long", 413, HTTP_TYPE_INVALID,                               \
      "Send at most as many texts at once, or allow more time.")                                             \
    X(HTTP_ERROR_TARGET_TOO_LONG, "target_too_long", 414, HTTP_TYPE_INVALID,                                 \
      "Send the texts in the body of a POST, not in the target.")                                            \
    X(HTTP_ERROR_UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", 415, HTTP_TYPE_INVALID,                   \
      "Send JSON with the header Content-Type: application/json.")                                           \
    X(HTTP_ERROR_UNSUPPORTED_ENCODING, "unsupported_encoding", 415, HTTP_TYPE_INVALID,                       \
      "Send the body uncompressed, or with Content-Encoding: gzip.")                                         \
    X(HTTP_ERROR_OVERLOADED, "overloaded", 429, HTTP_TYPE_OVERLOADED,                                        \
      "Retry after the time given in Retry-After.")                                                          \
    X(HTTP_ERROR_HEADERS_TOO_LARGE, "headers_too_large", 431, HTTP_TYPE_INVALID,                             \
      "Send fewer or shorter headers.")                                                                      \
    X(HTTP_ERROR_CLIENT_GONE, "client_closed_request", 499, HTTP_TYPE_INVALID,                               \
      "Keep the connection open until the reply is read.")                                                   \
    X(HTTP_ERROR_INTERNAL, "internal_error", 500, HTTP_TYPE_SERVER,                                          \
      "Please report this with the x-request-id and the log around it.")                                     \
    X(HTTP_ERROR_NOT_FINITE, "not_finite", 500, HTTP_TYPE_SERVER,                                            \
      "Where weights are damaged, download the model again on the server; else try --precision fp32 there.") \
    X(HTTP_ERROR_MODEL_CHANGED, "model_changed", 500, HTTP_TYPE_SERVER,                                      \
      "Restore the model's files on the server and restart it.")                                             \
    X(HTTP_ERROR_NOT_IMPLEMENTED, "not_implemented", 501, HTTP_TYPE_INVALID,                                 \
      "Use a method that HTTP has, and send the body as it is or with Transfer-Encoding: chunked.")          \
    X(HTTP_ERROR_VERSION, "version_not_supported", 505, HTTP_TYPE_INVALID,                                   \
      "Send HTTP/1.1; gRPC takes HTTP/2.")                                                                   \
    X(HTTP_ERROR_LOADING, "loading", 503, HTTP_TYPE_UNAVAILABLE,                                             \
      "Retry after the time given in Retry-After; GET /health/ready tells when the model is there.")         \
    X(HTTP_ERROR_MODEL_FAILED, "model_load_failed", 503, HTTP_TYPE_UNAVAILABLE,                              \
      "Retry after the time given in Retry-After; operators mend the cause that is named.")                  \
    X(HTTP_ERROR_SHUTTING_DOWN, "shutting_down", 503, HTTP_TYPE_UNAVAILABLE,                                 \
      "Send the request to another instance, or again after the restart.")                                   \
    X(HTTP_ERROR_TOO_MANY_CONNECTIONS, "too_many_connections", 503, HTTP_TYPE_UNAVAILABLE,                   \
      "Retry after the time given in Retry-After, and keep connections open between requests.")              \
    X(HTTP_ERROR_OUT_OF_MEMORY, "out_of_memory", 503, HTTP_TYPE_UNAVAILABLE,                                 \
      "Send fewer or shorter texts at once, or retry after the time given in Retry-After.")                  \
    X(HTTP_ERROR_SERVICE_UNAVAILABLE, "service_unavailable", 503, HTTP_TYPE_UNAVAILABLE,                     \
      "Retry after the time given in Retry-After.")                                                          \
    X(HTTP_ERROR_DEADLINE_EXCEEDED, "deadline_exceeded", 504, HTTP_TYPE_TIMEOUT,                             \
      "Retry later, or send less at once.")

typedef enum http_error_code {
#define HTTP_ERROR_ENUM(symbol, code, status, type, hint) symbol,
    HTTP_ERROR_TABLE(HTTP_ERROR_ENUM)
#undef HTTP_ERROR_ENUM
        HTTP_ERROR_TOTAL
} http_error_code;

typedef struct http_error {
    http_error_code code;
    char param[64]; /* the field at fault, "texts[3]"; empty = none */
    char message[640];
} http_error;

/* Static storage; never NULL for a code of the table. */
const char *http_error_name(http_error_code code);
const char *http_error_type(http_error_code code);
const char *http_error_hint(http_error_code code);
unsigned http_error_status(http_error_code code);

/* param NULL = none. */
void http_error_set(http_error *error, http_error_code code, const char *param, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* The code of a failure of the encoder or the scheduler. */
http_error_code http_error_of_status(aki_status status);
/* The code of a single text's failure: what is not a string reaches the scheduler as an invalid argument. */
http_error_code http_error_of_text(aki_status status);
void http_error_from(http_error *error, const aki_error *from);

/* Appends the JSON body, with another text for people. */
bool http_error_write_as(const http_error *error, const char *text, buf *out);
/* Appends the JSON body. */
bool http_error_write(const http_error *error, buf *out);

#endif

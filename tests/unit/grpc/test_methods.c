/* The routes of gRPC against the services of proto/, as their generated code has them. */
#include "unit.h"

#include "grpc/health.pb-c.h"
#include "grpc/kserve.pb-c.h"
#include "grpc/methods.h"
#include "grpc/reflection_v1alpha.pb-c.h"
#include "grpc/tei.pb-c.h"
#include "server/routes.h"

static const ProtobufCServiceDescriptor *const services[] = {
    &tei__v1__info__descriptor,
    &tei__v1__embed__descriptor,
    &tei__v1__predict__descriptor,
    &tei__v1__rerank__descriptor,
    &tei__v1__tokenize__descriptor,
    &inference__grpcinference_service__descriptor,
    &grpc__health__v1__health__descriptor,
    &grpc__reflection__v1alpha__server_reflection__descriptor};

static void every_call_of_the_services_has_a_row(void **state)
{
    (void)state;
    size_t count = 0, rows = 0;
    for (size_t i = 0; i < sizeof services / sizeof services[0]; i++)
        for (unsigned m = 0; m < services[i]->n_methods; m++) {
            char path[200];
            const char *allow;
            snprintf(path, sizeof path, "/%s/%s", services[i]->name, services[i]->methods[m].name);
            const route *found = routes_find("POST", path, &allow);
            if (found == NULL)
                fail_msg("there is no route %s", path);
            assert_ptr_equal(found->api->dialect, &grpc_dialect);
            assert_ptr_equal(routes_api(path, "POST"), found->api);
            count++;
        }
    for (const route *r = grpc_route_table; r->path != NULL; r++)
        rows++;
    assert_int_equal(rows, count + 1); /* reflection has a second version */
}

static void streams_are_those_of_the_services(void **state)
{
    (void)state;
    for (const route *r = grpc_route_table; r->path != NULL; r++) {
        const char *name = strrchr(r->path, '/') + 1;
        /* RerankStream has one reply to all of its messages, which are read as one body. */
        const bool streams = (strstr(name, "Stream") != NULL && strcmp(name, "RerankStream") != 0) ||
                             strcmp(name, "ServerReflectionInfo") == 0 || strcmp(name, "Watch") == 0;
        assert_int_equal(r->stream != NULL, streams);
        assert_non_null(r->handle);
        assert_non_null(r->resume);
        assert_non_null(r->api->read);
        assert_true(r->place == ROUTE_NOT_ADMIN);
    }
}

static void knows_the_media_type(void **state)
{
    (void)state;
    static const char *const good[] = {"application/grpc", "application/grpc+proto",
                                       "application/grpc;charset=utf-8", "Application/gRPC+Proto ; a=b"};
    static const char *const bad[] = {"application/grpcx",
                                      "application/grpc+json",
                                      "application/grpc-web",
                                      "application/grpc-web+proto",
                                      "application/json",
                                      "application/grpc+proto2",
                                      ""};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_true(grpc_is_media_type(good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(grpc_is_media_type(bad[i]));
    assert_false(grpc_is_media_type(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_call_of_the_services_has_a_row),
        cmocka_unit_test(streams_are_those_of_the_services),
        cmocka_unit_test(knows_the_media_type),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

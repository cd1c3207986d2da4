#include "engine/cuda/product.h"

/* What the algorithm is chosen for; the least and the most that it must serve as well. */
#define NOMINAL_ROWS ((size_t)2048)
#define MOST_ROWS ((size_t)65536)
#define CANDIDATES 16
#define WORKSPACE_BYTES ((size_t)1 << 20)

typedef struct operands {
    cublasLtMatrixLayoutOpaque_t weights, x, y;
} operands;

/* cuBLAS counts columns first: it computes y^T = W x^T. */
static cublasStatus_t lay_out(operands *o, const cuda_product *p, size_t rows)
{
    cublasStatus_t status =
        cublasLtMatrixLayoutInit(&o->weights, p->from, p->inputs, p->outputs, (int64_t)p->inputs);
    if (status == CUBLAS_STATUS_SUCCESS)
        status = cublasLtMatrixLayoutInit(&o->x, p->from, p->inputs, rows, (int64_t)p->inputs);
    if (status == CUBLAS_STATUS_SUCCESS)
        status = cublasLtMatrixLayoutInit(&o->y, p->to, p->outputs, rows, (int64_t)p->outputs);
    return status;
}

static bool serves(const cuda_product *p, cublasLtHandle_t blas, const cublasLtMatmulAlgo_t *algorithm,
                   size_t rows)
{
    operands o;
    cublasLtMatmulHeuristicResult_t checked;
    return lay_out(&o, p, rows) == CUBLAS_STATUS_SUCCESS &&
           cublasLtMatmulAlgoCheck(blas, (cublasLtMatmulDesc_t)&p->operation, &o.weights, &o.x, &o.y, &o.y,
                                   algorithm, &checked) == CUBLAS_STATUS_SUCCESS &&
           checked.workspaceSize <= WORKSPACE_BYTES;
}

static bool splits_sums(const cublasLtMatmulAlgo_t *algorithm)
{
    int32_t parts = 0;
    uint32_t reduction = 0;
    size_t written;
    return cublasLtMatmulAlgoConfigGetAttribute(algorithm, CUBLASLT_ALGO_CONFIG_SPLITK_NUM, &parts,
                                                sizeof parts, &written) != CUBLAS_STATUS_SUCCESS ||
           cublasLtMatmulAlgoConfigGetAttribute(algorithm, CUBLASLT_ALGO_CONFIG_REDUCTION_SCHEME, &reduction,
                                                sizeof reduction, &written) != CUBLAS_STATUS_SUCCESS ||
           parts > 1 || reduction != CUBLASLT_REDUCTION_SCHEME_NONE;
}

static cublasStatus_t list_candidates(const cuda_product *p, cublasLtHandle_t blas,
                                      cublasLtMatmulHeuristicResult_t *found, int *count)
{
    operands o;
    cublasLtMatmulPreferenceOpaque_t preference;
    const uint64_t workspace_bytes = WORKSPACE_BYTES;
    const uint32_t reductions = CUBLASLT_REDUCTION_SCHEME_NONE;
    cublasStatus_t status = lay_out(&o, p, NOMINAL_ROWS);
    if (status == CUBLAS_STATUS_SUCCESS)
        status = cublasLtMatmulPreferenceInit(&preference);
    if (status == CUBLAS_STATUS_SUCCESS)
        status = cublasLtMatmulPreferenceSetAttribute(&preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES,
                                                      &workspace_bytes, sizeof workspace_bytes);
    if (status == CUBLAS_STATUS_SUCCESS)
        status = cublasLtMatmulPreferenceSetAttribute(&preference, CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK,
                                                      &reductions, sizeof reductions);
    if (status == CUBLAS_STATUS_SUCCESS)
        status = cublasLtMatmulAlgoGetHeuristic(blas, (cublasLtMatmulDesc_t)&p->operation, &o.weights, &o.x,
                                                &o.y, &o.y, &preference, CANDIDATES, found, count);
    return status;
}

cublasStatus_t cuda_product_choose(cuda_product *product, cublasLtHandle_t blas, size_t inputs,
                                   size_t outputs, cudaDataType from, cudaDataType to)
{
    *product = (cuda_product){.inputs = inputs, .outputs = outputs, .from = from, .to = to};
    const cublasOperation_t transposed = CUBLAS_OP_T;
    cublasLtMatmulHeuristicResult_t found[CANDIDATES];
    int count = 0;
    cublasStatus_t status = cublasLtMatmulDescInit(&product->operation, CUBLAS_COMPUTE_32F, CUDA_R_32F);
    if (status == CUBLAS_STATUS_SUCCESS)
        status = cublasLtMatmulDescSetAttribute(&product->operation, CUBLASLT_MATMUL_DESC_TRANSA, &transposed,
                                                sizeof transposed);
    if (status == CUBLAS_STATUS_SUCCESS)
        status = list_candidates(product, blas, found, &count);
    if (status != CUBLAS_STATUS_SUCCESS)
        return status;
    for (int i = 0; i < count; i++) {
        const cublasLtMatmulAlgo_t *algorithm = &found[i].algo;
        if (found[i].state != CUBLAS_STATUS_SUCCESS || splits_sums(algorithm) ||
            !serves(product, blas, algorithm, CUDA_PRODUCT_ROWS) ||
            !serves(product, blas, algorithm, MOST_ROWS))
            continue;
        product->algorithm = *algorithm;
        product->workspace_bytes = WORKSPACE_BYTES;
        return CUBLAS_STATUS_SUCCESS;
    }
    return CUBLAS_STATUS_NOT_SUPPORTED;
}

cublasStatus_t cuda_product_run(const cuda_product *product, cublasLtHandle_t blas, const void *x,
                                const void *weights, void *y, size_t rows, void *workspace,
                                cudaStream_t stream)
{
    operands o;
    const float one = 1, zero = 0;
    const cublasStatus_t status = lay_out(&o, product, rows);
    if (status != CUBLAS_STATUS_SUCCESS)
        return status;
    return cublasLtMatmul(blas, (cublasLtMatmulDesc_t)&product->operation, &one, weights, &o.weights, x, &o.x,
                          &zero, y, &o.y, y, &o.y, &product->algorithm, workspace, product->workspace_bytes,
                          stream);
}

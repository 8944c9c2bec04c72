// The peer of the SGEMM benchmark: reads "transA transB m n k repetitions" per line, multiplies
// with OpenBLAS on one thread, answers with the seconds of the whole line. The first answer line
// names the library and the kernels it chose.
#include <cblas.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static float *matrix(size_t n) {
    float *x = aligned_alloc(64, (n * sizeof(float) + 63) / 64 * 64);
    if (!x) exit(1);
    for (size_t i = 0; i < n; i++) x[i] = (float)rand() / RAND_MAX - 0.5f;
    return x;
}

int main(void) {
    openblas_set_num_threads(1);
    printf("%s; kernels %s\n", openblas_get_config(), openblas_get_corename());
    fflush(stdout);
    int ta, tb, m, n, k, reps;
    while (scanf("%d %d %d %d %d %d", &ta, &tb, &m, &n, &k, &reps) == 6) {
        float *a = matrix((size_t)m * k), *b = matrix((size_t)k * n), *c = matrix((size_t)m * n);
        struct timespec t0, t1;
        for (int i = -1; i < reps; i++) {
            if (i == 0) clock_gettime(CLOCK_MONOTONIC, &t0);
            cblas_sgemm(CblasRowMajor, ta ? CblasTrans : CblasNoTrans, tb ? CblasTrans : CblasNoTrans,
                        m, n, k, 1, a, ta ? m : k, b, tb ? k : n, 0, c, n);
        }
        clock_gettime(CLOCK_MONOTONIC, &t1);
        printf("%.9f\n", (double)(t1.tv_sec - t0.tv_sec) + 1e-9 * (double)(t1.tv_nsec - t0.tv_nsec));
        fflush(stdout);
        free(a); free(b); free(c);
    }
    return 0;
}

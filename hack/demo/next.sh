# shellcheck shell=bash
# What to look at and try after the demo.
cat <<EOT

Look at
    $OUT/report/report.html
    $(store_url)/$NAMESPACE/modelzoo/$ZOO/      the artifact: weights of every epoch, tables, manifest

Try next
EOT
if [ "$CLUSTER" = local ]; then
	cat <<-EOT
		    export KUBECONFIG=$KUBECONFIG PATH=$(dirname "$WEIGHTSPACE"):$("$REPO/hack/cluster/assets"):\$PATH
	EOT
fi
cat <<EOT
    # more seeds: only the new models are trained
    kubectl -n $NAMESPACE patch modelzoo $ZOO --type=merge -p '{"spec":{"population":{"seeds":{"count":8}}}}'
    kubectl -n $NAMESPACE get modelzoos -w
    # more pods at a time; pause and go on
    kubectl -n $NAMESPACE scale modelzoo $ZOO --replicas=4
    kubectl -n $NAMESPACE patch modelzoo $ZOO --type=merge -p '{"spec":{"suspend":true}}'
    kubectl -n $NAMESPACE patch modelzoo $ZOO --type=merge -p '{"spec":{"suspend":false}}'
    # bring the artifact home; one model as a file that PyTorch loads by name
    weightspace pull --store $(store_url) --artifact $NAMESPACE/modelzoo/$ZOO --to ./$ZOO
    weightspace export --help
    # in Python: 32 models x 2,464 weights, and a row of results per model
    from safetensors.numpy import load_file; import glob, pandas
    weights = load_file(glob.glob("$(store_url)/$NAMESPACE/modelzoo/$ZOO/shards/*/epoch-0003.safetensors")[0])["weights"]
    models = pandas.read_parquet("$(store_url)/$NAMESPACE/modelzoo/$ZOO/models.parquet")
    # the same without any cluster
    weightspace run -f config/samples/ --store ./out
    # the end: artifacts stay until you delete them
    make demo-down
EOT

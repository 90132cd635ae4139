#!/bin/sh
# What the Lambda Web Adapter starts: the same server over plain HTTP, so that answers are streamed.
cd "${LAMBDA_TASK_ROOT:-$(dirname "$0")/..}" && exec python3 -m __boot__

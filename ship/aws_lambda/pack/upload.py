"""The zip -> S3, which compares it with its SHA-256 before it keeps it."""

import boto3
from boto3.exceptions import Boto3Error
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from ship.archive.errors import one_line
from ship.aws_lambda.pack.artifact import Artifact
from ship.aws_lambda.pack.errors import BuildError
from ship.aws_lambda.pack.order import Order


def upload(artifact: Artifact, order: Order, entrypoint: str) -> None:
    """Put the zip where it was asked for.

    Credentials and region come from where AWS's own tools find them.

    Raises:
        BuildError: S3 cannot be reached, or refuses it.
    """
    style = "path" if order.endpoint else "auto"  # only AWS has a host for each bucket
    config = Config(
        retries={"mode": "standard", "max_attempts": 4},
        connect_timeout=10,
        read_timeout=60,
        s3={"addressing_style": style},
    )
    try:
        client = boto3.client("s3", endpoint_url=order.endpoint or None, config=config)
        with artifact.file.open("rb") as body:
            client.put_object(
                Bucket=order.bucket,
                Key=order.key,
                Body=body,
                ContentType="application/zip",
                ChecksumAlgorithm="SHA256",  # AWS takes it from the next line, and others want to be told
                ChecksumSHA256=artifact.checksum,
                Metadata={
                    "sha256": artifact.sha256.hex(),
                    "entrypoint": entrypoint,
                    "runtime": f"python{order.target.python}",
                    "architecture": order.target.architecture,
                },
            )
    except (Boto3Error, BotoCoreError, ClientError, ValueError) as error:
        raise BuildError(f"S3 did not take it: {one_line(str(error))}") from None
